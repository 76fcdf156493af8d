"""A source that the package does not know trains by the command line and from Python, and none of the package changed."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import reweigh
from reweigh.cli.guard import run
from reweigh.data import outside
from reweigh.errors import BadInput
from reweigh.ledger import Ledger

HERE = Path(__file__).parent
NAMED = ["--train", "waves:Waves", "--clean", "waves:Checked"]
SHORT = ["--epochs", "6", "--batch-size", "50", "--lr", "0.01", "--rule", "l2rw", "--quick"]


@pytest.fixture
def waves(monkeypatch):
    monkeypatch.chdir(HERE)
    monkeypatch.syspath_prepend(str(HERE))
    import waves

    return waves


def wrong_ones(waves):
    source = waves.Waves()
    return (source.y != source.truth).numpy()


def test_it_trains_by_the_command_line(tmp_path, waves, capsys):
    assert run(["train", *NAMED, "--output", str(tmp_path / "run"), *SHORT]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["task"], summary["examples"], summary["test_examples"]) == ("classification", 600 + 84, 36)
    assert summary["test_accuracy"] > 0.75
    told = Ledger.read(tmp_path / "run" / "ledger").summary()
    mean = told.mean_weight[told.id < 10_000]
    wrong = wrong_ones(waves)
    assert mean[wrong].mean() < 0.6 * mean[~wrong].mean()


def test_a_run_folder_alone_does_not_run_its_code(tmp_path, waves, monkeypatch, capsys):
    assert run(["train", *NAMED, "--output", str(tmp_path), *SHORT]) == 0
    (tmp_path / "summary.json").unlink()
    monkeypatch.setattr(outside, "_named", {})
    capsys.readouterr()
    assert run(["train", "--output", str(tmp_path), "--resume"]) == 2
    assert "name it yourself with --train waves:Waves" in " ".join(capsys.readouterr().err.split())
    assert run(["train", *NAMED, "--output", str(tmp_path), "--resume", "--quick"]) == 0
    monkeypatch.setattr(outside, "_named", {})
    with pytest.raises(BadInput, match=r"sources=\['waves:Waves'\]"):
        reweigh.load(tmp_path).audit()
    loaded = reweigh.load(tmp_path, sources=["waves:Waves", "waves:Checked"])
    assert len(loaded.audit()) == 600
    assert loaded.report(tmp_path / "page.html").exists()


@pytest.mark.parametrize("clean", ["another source", "a mask", "row numbers"])
def test_objects_from_python(waves, clean):
    source = waves.Waves(300, wrong=0.0)
    rows = np.arange(60)
    given = {"another source": waves.Checked(), "a mask": np.arange(300) < 60, "row numbers": rows}[clean]
    made = reweigh.fit(source, clean=given, epochs=4, batch_size=50, lr=0.01, rule="l2rw", quick=True, verbose=False)
    assert made.score > 0.75
    table = made.audit().to_pandas()
    assert len(table) == (300 if clean == "another source" else 240)
    assert made.model.input_shape == (16,)
    assert made.model(source[0]["x"][None]).shape == (1, 2)


def test_another_object_is_not_taken_for_it(waves, tmp_path):
    source = waves.Waves(300)
    made = reweigh.fit(
        source,
        clean=waves.Checked(),
        steps=3,
        batch_size=50,
        output=tmp_path / "run",
        rule="l2rw",
        quick=True,
        verbose=False,
    )
    del made
    with pytest.raises(BadInput, match=r"hand the object over again, reweigh.load\(folder, sources="):
        reweigh.load(tmp_path / "run", sources=[waves.Waves(299)]).audit()
    assert len(reweigh.load(tmp_path / "run", sources=[source, waves.Checked()]).audit()) == 300


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        (["--train", "waves:Missing", "--clean", "waves:Checked"], "has no source 'Missing'"),
        (["--train", "nowhere:Waves", "--clean", "waves:Checked"], "there is no module 'nowhere'"),
        (["--train", "waves:Broken", "--clean", "waves:Checked"], "cannot be made: OSError: the shelf is locked"),
        (["--train", "waves:no_source", "--clean", "waves:Checked"], "the source 'waves:no_source' has no '__len__'"),
        (["--train", "waves:Waves"], "nothing says which examples of waves:Waves are checked"),
        (["--train", "waves:Waves", "--clean", "waves.py"], "is a file, and the training data are a source"),
        (["--train", "waves:Waves", "--clean-ids", "waves.py"], "is no list of ids"),
    ],
)
def test_mistakes_are_one_sentence(named, sentence, tmp_path, waves, capsys):
    assert run(["train", *named, "--output", str(tmp_path / "run")]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_the_three_files_are_all(waves):
    assert {path.name for path in HERE.glob("*.py")} == {"waves.py", "test_waves.py"}
    assert sys.modules["waves"].__file__ == str(HERE / "waves.py")
