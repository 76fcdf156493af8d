"""The verdict as users meet it: after the table that training ends with, first of audit and page, and no obstacle."""

import numpy as np
import pytest

import reweigh
from own_files import bare
from reweigh.cli.guard import run
from reweigh.errors import NonFinite
from reweigh.run.bench import Bench
from reweigh.run.finished import open_run
from reweigh.verdict import read_verdict

FEW = ("--steps", "20", "--rule", "l2rw")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3)).astype(np.float32)
DATA = {"clean": range(60), "steps": 5, "rule": "l2rw", "verbose": False}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("after")
    assert run(bare("table", folder / "data", folder / "run", *FEW)) == 0
    return folder


def test_training_says_it_before_the_next_commands_and_it_is_the_first_of_the_rest(made, capsys):
    assert run(["train", "--output", str(made / "run"), "--resume"]) == 0
    sentence = read_verdict(open_run(made / "run")).sentence
    last, following = flat(capsys.readouterr().out).split(f"Verdict: {sentence}. All of it is in ")
    assert "this model (l2rw)" in last
    assert following.startswith(f"{made / 'run'}. Next: reweigh review")
    assert run(["audit", str(made / "run"), "--top", "2"]) == 0
    assert flat(capsys.readouterr().out).startswith(f"Verdict: {sentence}.")
    assert run(["report", str(made / "run")]) == 0
    page = (made / "run" / "report.html").read_text("utf-8")
    first = page.split('<p class="verdict">')[1]
    assert first.startswith(f"<strong>{sentence[:1].upper()}{sentence[1:20]}")


def test_quick_leaves_it_out_and_nothing_speaks_of_it(made, tmp_path, capsys):
    said = [*bare("table", tmp_path / "data", tmp_path / "run", *FEW), "--quick"]
    assert run(said) == 0
    assert run(["audit", str(tmp_path / "run"), "--top", "2"]) == 0
    out = capsys.readouterr().out
    assert "comparing with" not in out
    assert "Verdict" not in out
    assert not (tmp_path / "run" / "verdict.json").exists()


def test_known_data_sets_have_none(tmp_path, capsys):
    assert run(["train", "--dataset", "digits", "--steps", "2", "--output", str(tmp_path / "run")]) == 0
    assert "Verdict" not in capsys.readouterr().out


def test_ctrl_c_during_the_comparison_leaves_a_complete_run(tmp_path, capsys, monkeypatch):
    def stopped(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Bench, "outputs", stopped)
        assert run(bare("table", tmp_path / "data", tmp_path / "run", *FEW)) == 130
    said = flat(capsys.readouterr().err)
    assert "stopped while comparing with other ways; the run in" in said
    assert "is complete" in said
    assert "Traceback" not in said
    assert open_run(tmp_path / "run").summary["steps"] == 20
    assert run(["train", "--output", str(tmp_path / "run"), "--resume"]) == 0
    assert "Verdict: " in capsys.readouterr().out


def test_a_comparison_that_fails_is_told_and_the_run_is_complete(tmp_path, capsys, monkeypatch):
    def failing(*arguments, **options):
        raise NonFinite("the loss is not finite")

    monkeypatch.setattr(Bench, "outputs", failing)
    assert run(bare("table", tmp_path / "data", tmp_path / "run", *FEW)) == 0
    assert "could not be compared with other ways: the loss is not finite" in flat(capsys.readouterr().out)


def test_from_python_it_is_among_the_notes_or_made_later():
    labels = np.where(X[:, 0] > 0, "pos", "neg")
    found = reweigh.fit((X, labels), **DATA)
    assert found.notes[-1] == f"verdict: {found.verdict().sentence}"
    later = reweigh.fit((X, labels), quick=True, **DATA)
    assert not any(note.startswith("verdict") for note in later.notes)
    assert later.verdict() == found.verdict()


def test_a_model_that_is_an_object_is_compared_too():
    import torch

    model = torch.nn.Linear(3, 2)
    found = reweigh.fit((X, np.where(X[:, 0] > 0, "pos", "neg")), model=model, **DATA)
    assert found.verdict().rivals


def flat(text):
    return " ".join(text.split())
