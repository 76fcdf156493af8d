"""`--config`: a run's own file makes the same run again; a file that cannot be used is refused in a sentence."""

import json

import pytest
import yaml

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


def as_toml(settings):
    """TOML has no null: what is None is left out."""
    return "[settings]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in settings.items() if v is not None)


@pytest.mark.parametrize(
    ("name", "write"), [("a.yaml", lambda s: yaml.safe_dump({"settings": s})), ("a.toml", as_toml)]
)
def test_the_same_as_yaml_and_as_toml(name, write, tmp_path):
    options = [word for name, value in DIGITS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert run(["train", *options, "--layers", "layers.1*", "--no-ledger", "--output", str(tmp_path / "one")]) == 0
    (tmp_path / name).write_text(write(settings_of(tmp_path / "one")))
    assert run(["train", "--config", str(tmp_path / name), "--output", str(tmp_path / "other")]) == 0
    assert settings_of(tmp_path / "one") == settings_of(tmp_path / "other")


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
        ("a.yaml", "train: a.csv\nclean: b.csv\ntask: mine:Task", "add --task mine:Task"),
        ("a.yaml", "train: mine:Source\nclean: b.csv", "add --train mine:Source"),
        ("a.yaml", "train: a.csv\nclean: mine:Source", "add --clean mine:Source"),
        ("a.yaml", "train: a.csv\nclean: b.csv\ntest: mine:Source", "add --test mine:Source"),
        ("a.ini", "dataset: digits", "no .yaml, .toml or .json"),
    ],
)
def test_mistakes_are_one_sentence(name, text, sentence, tmp_path, capsys):
    (tmp_path / name).write_text(text)
    assert sentence in told(capsys, ["--config", tmp_path / name, "--output", tmp_path / "run"])
    assert "does not exist" in told(capsys, ["--config", tmp_path / "none.yaml", "--output", tmp_path / "run"])


@pytest.mark.parametrize("option", ["model", "rule", "task", "train", "clean", "test"])
def test_no_code_runs_because_a_file_says_so(option, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\nclass It: pass\n")
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n")
    settings = {"train": "a.csv", "clean": "a.csv", "target": "y", option: "evil:It"}
    (tmp_path / "a.json").write_text(json.dumps(settings))
    assert f"--{option} evil:It" in told(capsys, ["--config", "a.json", "--output", "run"])
    assert not (tmp_path / "ran").exists()
