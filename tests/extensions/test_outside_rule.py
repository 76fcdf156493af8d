"""A rule that the package does not know trains, resumes and is reported like its own, and runs only where it is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from reweigh.cli.guard import run
from reweigh.ledger import Ledger

HERE = Path(__file__).parent
DIGITS = ["train", "--dataset", "digits", "--noise", "uniform:0.4", "--epochs", "2", "--batch-size", "200", "--output"]
TRIMMED = ["--rule", "trimmed:TrimmedLoss"]


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch):
    monkeypatch.chdir(HERE)


def told(capsys, arguments, code=2):
    assert run(arguments) == code
    return capsys.readouterr().err


def test_it_trains_by_the_command_line_with_its_own_options(tmp_path, capsys):
    assert run([*DIGITS, str(tmp_path / "run"), *TRIMMED, "--rule-option", "trimmed=0.25"]) == 0
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert (settings["rule"], settings["rule_option"]) == ("trimmed:TrimmedLoss", ["trimmed=0.25"])
    for epoch in Ledger.read(tmp_path / "run" / "ledger"):
        assert np.mean(np.asarray(epoch["weight"]) == 0) == pytest.approx(0.25, abs=0.01)
    assert run(["audit", str(tmp_path / "run")]) == 0
    assert run(["report", str(tmp_path / "run")]) == 0
    capsys.readouterr()


def test_a_run_folder_alone_does_not_run_its_code(tmp_path, capsys):
    assert run([*DIGITS, str(tmp_path), *TRIMMED]) == 0
    (tmp_path / "summary.json").unlink()
    resume = ["train", "--output", str(tmp_path), "--resume"]
    assert "if you trust it, name it yourself with --rule trimmed:TrimmedLoss" in told(capsys, resume)
    assert run([*resume, *TRIMMED]) == 0


def test_in_the_estimator():
    pytest.importorskip("sklearn")
    from reweigh import ReweighClassifier

    draw = np.random.RandomState(0)
    y = np.arange(200) % 2
    X = draw.randn(200, 3) + 3 * y[:, None]
    model = ReweighClassifier(rule="trimmed:TrimmedLoss", epochs=3, random_state=0).fit(X, y, clean=[0, 1, 2, 3])
    assert model.rule_.name == "trimmed"
    assert model.score(X, y) > 0.9
    assert ReweighClassifier(rule="trimmed:Plainest", epochs=1).fit(X, y, clean=[0, 1]).rule_.name == "trimmed:Plainest"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--rule", "nowhere:Rule"], "there is no module 'nowhere'"),
        (["--rule", "trimmed:Missing"], "has no class 'Missing'"),
        (["--rule", "trimmed:no_rule"], "is no class of rules"),
        (["--rule", "trimmed:Plainest", "--rule-option", "a=1"], "no option 'a=1': it has none"),
        ([*TRIMMED, "--rule-option", "trimmd=0.1"], "no option 'trimmd=0.1': it has trimmed"),
        ([*TRIMMED, "--rule-option", "trimmed=much"], "is 'much': give a value of type float"),
        (["--rule", "trimed"], "rule 'trimed' is not known"),
        (["--rule", ":"], "rule ':' is not known"),
    ],
)
def test_mistakes_are_one_sentence(more, sentence, tmp_path, capsys):
    assert sentence in told(capsys, [*DIGITS, str(tmp_path / "run"), *more])
