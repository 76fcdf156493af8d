"""`--config`: a run's own file makes the same run again; a file that cannot be used is refused in a sentence."""

import json

import pytest

from reweigh.cli.guard import run

DIGITS = {"dataset": "digits", "noise": "uniform:0.4", "steps": 4, "batch_size": 50, "rule": "uniform"}


def told(capsys, arguments):
    assert run(["train", *map(str, arguments)]) == 2
    return capsys.readouterr().err


def settings_of(folder):
    return json.loads((folder / "config.json").read_text())["settings"]


def test_a_runs_own_file_makes_the_same_run_again(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    options = [word for name, value in DIGITS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert run(["train", *options, "--output", str(one)]) == 0
    assert run(["train", "--config", str(one / "config.json"), "--output", str(other)]) == 0
    assert settings_of(one) == settings_of(other)
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    assert run(["train", "--config", str(one / "config.json"), "--output", str(one), "--resume"]) == 0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", 'dataset = "digits"\nsteps = 4\nbatch-size = 50\nteacher_reads = ["surface"]\n'),
        ("a.yaml", "dataset: digits\nsteps: 4\nbatch_size: 50\nteacher_reads: [surface]\n"),
        ("a.json", '{"dataset": "digits", "steps": 4, "batch_size": 50, "teacher_reads": ["surface"]}'),
    ],
)
def test_options_go_before_the_file(name, text, tmp_path):
    (tmp_path / name).write_text(text)
    assert run(["train", "--config", str(tmp_path / name), "--epochs", "1", "--output", str(tmp_path / "run")]) == 0
    settings = settings_of(tmp_path / "run")
    assert (settings["epochs"], settings["steps"], settings["batch_size"]) == (1, None, 50)
    assert settings["teacher_reads"] == ["surface"]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.toml", "dataset = ", "a.toml cannot be read"),
        ("a.yaml", "[1, 2]", "holds no settings"),
        ("a.yaml", "dataset: digits\nepoch: 3", "there is no setting 'epoch' (did you mean 'epochs'?)"),
        ("a.yaml", "dataset: digits\nepochs: many", "epochs is 'many'"),
        ("a.yaml", "dataset: digits\nmodel: mine:build", "add --model mine:build"),
        ("a.yaml", "dataset: digits\nrule: mine:Rule", "add --rule mine:Rule"),
        ("a.ini", "dataset: digits", "no .yaml, .toml or .json"),
    ],
)
def test_mistakes_are_one_sentence(name, text, sentence, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert sentence in told(capsys, ["--config", tmp_path / name, "--output", tmp_path / "run"])
    assert "does not exist" in told(capsys, ["--config", tmp_path / "none.yaml", "--output", tmp_path / "run"])
