"""The command line as a user meets it: what it prints, what it writes, how it ends."""

import json
import os
import subprocess
import sys
from dataclasses import fields

import pyarrow.parquet
import pytest
import torch
from safetensors import safe_open

from reweigh import __version__
from reweigh.cli import main
from reweigh.cli.guard import run
from reweigh.data.own import Sources
from reweigh.models import build
from reweigh.run.folder.run_folder import ENCODING, FILES, HALVES, LEDGER, TEACHER, VERDICT

TRAIN = ["train", "--dataset", "digits", "--noise", "background:0.4", "--batch-size", "150"]
COMMAND = [sys.executable, "-c", "from reweigh.cli import main; main()"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert run([*TRAIN, "--epochs", "3", "--lr", "0.05", "--output", str(folder)]) == 0
    return folder


def test_version_and_help(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"reweigh {__version__}"
    for arguments in (
        ["--help"],
        ["demo", "--help"],
        ["train", "--help"],
        ["audit", "--help"],
        ["report", "--help"],
        ["predict", "--help"],
    ):
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert captured.err == ""
        assert max(map(len, captured.out.splitlines())) <= 80


def test_no_command_shows_the_help(capsys):
    assert run([]) == 2
    captured = capsys.readouterr()
    assert "demo" in captured.out + captured.err


def test_main_exits_with_the_code(capsys, monkeypatch):
    monkeypatch.setattr("signal.signal", lambda *_: None)  # this process goes on
    with pytest.raises(SystemExit) as left:
        main(["train"])
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("reweigh: no data set is named")


def test_the_run_folder_holds_what_the_help_says(trained):
    present = {file.name for file in trained.iterdir()} - {".lock"}
    assert present == {*FILES, LEDGER} - {
        TEACHER,
        ENCODING,
        VERDICT,
        HALVES,
    }  # which rules that learn, and own data, leave
    config = json.loads((trained / "config.json").read_text())
    assert config["settings"]["lr"] == 0.05
    assert config["settings"]["model"] == "mlp"
    assert config["versions"]["torch"] == torch.__version__


def test_metrics_have_a_line_an_epoch(trained):
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["step"] for line in lines] == [9, 18, 27]
    for line in lines:
        assert 0 < line["effective_sample_size"] <= 150
        assert 0 <= line["zero_share"] <= 1
        assert line["direction_norm"] > 0
        assert line["auroc"] > 0.8
        assert {"train_loss", "weighted_loss", "clean_loss", "test_accuracy", "seconds"} <= set(line)


def test_the_model_file_is_the_model(trained):
    model = build("mlp", input_shape=(1, 8, 8), classes=10)
    with safe_open(trained / "model.safetensors", "pt") as file:
        model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    from reweigh.data import load
    from reweigh.run.job.evaluate import accuracy

    summary = json.loads((trained / "summary.json").read_text())
    assert accuracy(model, load("digits").test, torch.device("cpu")) == summary["test_accuracy"]


def test_the_weights_file_has_a_row_an_example(trained):
    table = pyarrow.parquet.read_table(trained / "weights.parquet")
    columns = table.to_pydict()
    assert table.num_rows == len(set(columns["id"])) == 1342
    assert columns["visits"] == [3] * 1342
    assert json.loads(table.schema.metadata[b"classes"]) == [str(digit) for digit in range(10)]
    wrong = [given != true for given, true in zip(columns["given_label"], columns["true_label"], strict=True)]
    assert 0.3 < sum(wrong) / len(wrong) < 0.42

    def mean_weight(asked):
        weights = [w for w, flag in zip(columns["mean_weight"], wrong, strict=True) if flag is asked]
        return sum(weights) / len(weights)

    assert mean_weight(True) < 0.3 * mean_weight(False)
    # weights sum to one in each batch, so relative to the plain weight their mean is one
    assert sum(columns["mean_weight"]) / 1342 == pytest.approx(1, abs=1e-3)


def test_the_same_command_may_be_said_again_with_resume(trained, capsys):
    arguments = [*TRAIN, "--epochs", "3", "--lr", "0.05", "--output", str(trained), "--resume"]
    assert run(arguments) == 0
    assert "finished" in capsys.readouterr().out


def test_overwrite_replaces_the_run_and_nothing_else(tmp_path):
    folder = tmp_path / "run"
    assert run([*TRAIN, "--steps", "2", "--output", str(folder)]) == 0
    (folder / "notes.txt").write_text("mine")
    assert run([*TRAIN, "--steps", "3", "--rule", "uniform", "--overwrite", "--output", str(folder)]) == 0
    assert json.loads((folder / "summary.json").read_text())["steps"] == 3
    assert not (folder / "distrusted.png").exists()  # of the old run: uniform weights distrust nobody
    assert (folder / "notes.txt").read_text() == "mine"


def test_every_option_reaches_the_settings(tmp_path):
    folder, options = tmp_path / "run", {
        "noise": "pair:0.2", "imbalance": "long-tail:2", "clean_per_class": 4, "augment": "crop", "rule": "deep-interaction",
        "engine": "finite", "preset": "fast", "clean_batch_size": 20, "warm_up": 1, "model": "mlp", "steps": 3,
        "batch_size": 64, "optimizer": "reversible-sgd", "lr": 0.002, "momentum": 0.8, "weight_decay": 0.01,
        "schedule": "cosine", "seed": 7, "horizon": 2, "memory": "reverse", "normalise": "mean",
        "teacher_lr": 0.01, "teacher_optimizer": "sgd",
        "teacher_every": 3, "look_ahead": "real", "checkpoint_every": 2, "device": "cpu", "threads": 1, "patience": 3,
        "precision": "bf16", "workers": 0, "normalise_over": "rank", "capture": "replay",
        "data_root": str(tmp_path), "dataset": "digits",
    }  # fmt: skip
    said = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    flags = ["--keep-clean-in-train", "--no-download", "--no-ledger", "--layers", "layers.5*", "--layers", "layers.1"]
    flags += ["--teacher-reads", "surface", "--teacher-reads", "internal", "--teacher-states", "layers.5:input"]
    assert run(["train", *said, *flags, "--output", str(folder)]) == 0
    settings = json.loads((folder / "config.json").read_text())["settings"]
    assert settings == {
        **options, "epochs": None, "keep_clean_in_train": True, "download": False, "layers": ["layers.5*", "layers.1"],
        "teacher": None, "teacher_reads": ["surface", "internal"], "teacher_states": ["layers.5:input"],
        "ledger": False, "test_share": 0.3, "drop": [],
        "rule_option": [], "contrast": "none", "label_smoothing": 0.0, "lr_warm_up": 0, "average": None,
        "accumulate_tokens": None,
        **dict.fromkeys(field.name for field in fields(Sources) if field.name not in ("test_share", "drop")),
    }  # fmt: skip


def test_nothing_is_wider_than_80_columns(tmp_path, capsys):
    assert run([*TRAIN, "--epochs", "2", "--output", str(tmp_path / "run")]) == 0
    lines = capsys.readouterr().out.replace(str(tmp_path), "").splitlines()
    assert max(map(len, lines)) <= 80


def test_the_demo_in_a_few_steps(tmp_path, capsys):
    assert run(["demo", "--quick", "--seeds", "2", "--output", str(tmp_path / "demo")]) == 0
    printed = capsys.readouterr().out
    for name in ("plain training", "clean images only", "random weights", "L2RW", "± ", "reweigh train"):
        assert name in printed
    assert max(map(len, printed.replace(str(tmp_path), "").splitlines())) <= 80
    results = json.loads((tmp_path / "demo" / "results.json").read_text())
    assert len(results["runs"]) == 10
    for picture in ("demo.png", "distrusted.png"):
        assert (tmp_path / "demo" / picture).read_bytes().startswith(b"\x89PNG")


HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {hidden!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Hidden())
from reweigh.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("hidden", ["cyclopts", "rich"])
def test_without_the_extra_it_says_what_to_install(hidden):
    script = HIDE.format(hidden={hidden})
    done = subprocess.run([sys.executable, "-c", script, "demo"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"reweigh: {hidden} is not installed: run `pip install 'reweigh[cli]'` and try again\n"


def test_a_reader_that_leaves_is_no_error(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "train", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in done.stderr
