"""What goes wrong with own data at the command line: one sentence, exit code 2, nothing half-written."""

import json
import shutil

import pytest

from own_files import command, table, text
from reweigh.cli.guard import run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes")
    for name, make in (("table", table), ("text", text)):
        (folder / name).mkdir()
        make(folder / name)
    return folder


@pytest.fixture(scope="module")
def trained(data):
    said = command("table", data / "table", data / "run", "--steps", "6")
    assert run(said) == 0
    return data / "run"


@pytest.fixture
def damaged(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "damaged")


def refused(capsys, *arguments):
    capsys.readouterr()
    assert run([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("reweigh: ")
    assert len(said.splitlines()) == 1, said
    assert "Traceback" not in said
    return said


OPTIONS = {
    "nothing said": ([], "no data set is named: add --train"),
    "both data": (["--train", "{noisy}", "--dataset", "digits"], "learn from one of them"),
    "own option with a known set": (["--dataset", "digits", "--target", "x"], "--target is about your own data"),
    "no clean part": (["--train", "{noisy}", "--target", "buys"], "clean"),
    "no target": (["--train", "{noisy}", "--clean", "{checked}"], "target"),
    "missing file": (["--train", "{noisy}x", "--clean", "{checked}", "--target", "buys"], "there is no file"),
    "missing column": (["--train", "{noisy}", "--clean", "{checked}", "--target", "buy"], "buy"),
    "clean per class": (["{all}", "--clean-per-class", "3"], "--clean-column"),
    "unknown task": (["{all}", "--task", "ranking"], "there is no task 'ranking'"),
    "unknown model": (["{all}", "--model", "tabel"], "did you mean 'table'"),
    "model of another kind": (["{all}", "--model", "lenet"], "does not read table"),
    "half a model name": (["{all}", "--model", "mine:"], "model 'mine:' is not known"),
    "hugging face on a table": (["{all}", "--model", "hf:x"], "reads texts"),
    "model of no module": (["{all}", "--model", "nothing_like_it:build"], "there is no module"),
    "rule of classes": (["{all}", "--task", "multi-label", "--rule", "proportion"], "the task is multi-label"),
    "noise without classes": (["{all}", "--task", "multi-label", "--noise", "uniform:0.2"], "noise and imbalance"),
    "unknown noise class": (["{all}", "--noise", "background:0.2:9"], "9"),
    "test share above one": (["{all}", "--test-share", "1.5"], "1.5"),
    "image size zero": (["{all}", "--image-size", "0"], "image_size is 0"),
    "oracle without truth": (["{all}", "--rule", "oracle"], "the oracle needs"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name, data, tmp_path, capsys):
    options, said = OPTIONS[name]
    noisy, checked = data / "table" / "noisy.csv", data / "table" / "checked.csv"
    whole = ["--train", noisy, "--clean", checked, "--target", "buys"]
    filled = [str(o).format(noisy=noisy, checked=checked) for o in options if o != "{all}"]
    arguments = [*(whole if "{all}" in options else []), *filled]
    assert said in refused(capsys, "train", *arguments, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists() or not any((tmp_path / "run").iterdir())


def test_a_pretrained_model_that_is_not_there(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    pytest.importorskip("transformers")
    said = command("text", tmp_path / "text", tmp_path / "run", "--model", f"hf:{tmp_path / 'none'}")
    assert "cannot be loaded" in refused(capsys, *said)
    assert not (tmp_path / "run").exists()


def test_predicting(trained, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    new = data / "table" / "new.csv"
    assert "there is no run in" in refused(capsys, "predict", tmp_path / "nowhere", new)
    assert "there is no file" in refused(capsys, "predict", trained, tmp_path / "new.csv")
    assert "ends in neither" in refused(capsys, "predict", trained, new, "--output", tmp_path / "x.xlsx")
    (tmp_path / "predictions.csv").write_text("mine")
    assert "exists: replace it" in refused(capsys, "predict", trained, new)
    assert (tmp_path / "predictions.csv").read_text() == "mine"
    assert "no column 'age'" in refused(capsys, "predict", trained, data / "text" / "new.csv", "--overwrite")
    (tmp_path / "head.csv").write_text("age,colour,income,buys\n")
    said = refused(capsys, "predict", trained, tmp_path / "head.csv", "--overwrite")
    assert "head.csv" in said
    assert (tmp_path / "predictions.csv").read_text() == "mine"


def test_predicting_by_a_run_on_a_known_data_set(tmp_path, capsys):
    assert run(["train", "--dataset", "digits", "--steps", "2", "--output", str(tmp_path / "run")]) == 0
    (tmp_path / "new.csv").write_text("a\n1\n")
    said = refused(capsys, "predict", tmp_path / "run", tmp_path / "new.csv", "--output", tmp_path / "out.csv")
    assert "was trained on digits, not on your own data" in said
    assert not (tmp_path / "out.csv").exists()


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:90])


def of_another_kind(folder):
    found = json.loads((folder / "encoding.json").read_text())
    (folder / "encoding.json").write_text(json.dumps(found | {"input_shape": [99]}))


DAMAGES = {
    "no encoding": (lambda folder: (folder / "encoding.json").unlink(), "encoding.json does not exist"),
    "half an encoding": (cut("encoding.json"), "encoding.json cannot be read as JSON"),
    "an empty encoding": (lambda folder: (folder / "encoding.json").write_text("{}"), "is not an encoding"),
    "another encoding": (of_another_kind, "encoding.json is damaged or was edited"),
    "half a model": (cut("model.safetensors"), "is damaged or of another model"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_run_that_is_damaged(name, damaged, data, tmp_path, capsys):
    damage, said = DAMAGES[name]
    damage(damaged)
    output = tmp_path / "out.csv"
    assert said in refused(capsys, "predict", damaged, data / "table" / "new.csv", "--output", output)
    assert not output.exists()


def test_audits_of_data_that_changed_or_went(trained, data, tmp_path, capsys):
    noisy = data / "table" / "noisy.csv"
    whole = noisy.read_bytes()
    try:
        noisy.write_bytes(whole + b"50.1,red,,no\n")
        for what in ("audit", "report"):
            assert "is not what it was when the run began" in refused(capsys, what, trained)
        noisy.unlink()
        assert "there is no file" in refused(capsys, "audit", trained)
        (tmp_path / "moved").mkdir()
        (tmp_path / "moved" / "noisy.csv").write_bytes(whole)
        shutil.copy(data / "table" / "checked.csv", tmp_path / "moved")
        assert run(["audit", str(trained), "--data-root", str(tmp_path / "moved")]) == 0
    finally:
        noisy.write_bytes(whole)


def test_without_a_ledger_the_audit_says_what_is_missing(tmp_path, capsys):
    assert run(command("table", tmp_path / "data", tmp_path / "run", "--steps", "4", "--no-ledger")) == 0
    assert not (tmp_path / "run" / "ledger").exists()
    for what in ("audit", "report"):
        assert "kept no ledger (--no-ledger)" in refused(capsys, what, tmp_path / "run")
    output = str(tmp_path / "out.csv")
    assert run(["predict", str(tmp_path / "run"), str(tmp_path / "data" / "new.csv"), "--output", output]) == 0


def test_runs_that_cannot_be_compared(trained, tmp_path, capsys):
    other = tmp_path / "other"
    assert run(command("text", tmp_path / "text", other, "--steps", "2")) == 0
    assert "which are not the same" in refused(capsys, "report", trained, "--against", other)
    assert run(command("table", tmp_path / "table", tmp_path / "seed", "--steps", "2", "--seed", "3")) == 0
    assert "held other examples back" in refused(capsys, "report", trained, "--against", tmp_path / "seed")
