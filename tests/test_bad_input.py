"""A user's mistakes: each ends in one sentence that says what was wrong, and leaves nothing half-written.

On the command line the sentence goes to stderr with exit code 2; in Python it is the text of a `ReweighError`.
"""

import errno
import gzip
import json
import os
import shutil

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.cli.guard import run
from reweigh.data import Examples, clean_split, load, parse_noise
from reweigh.errors import BadInput, NonFinite, ReweighError
from reweigh.models import build
from reweigh.rules import ClassProportion, Rule
from reweigh.run.folder.checkpoint import load_checkpoint, save_checkpoint
from reweigh.run.folder.run_folder import RunFolder

DIGITS = ["train", "--dataset", "digits"]
TINY = [*DIGITS, "--steps", "2", "--noise", "background:0.4"]


def refused(capsys, arguments):
    """Run the command line, which must refuse in one sentence; returns the sentence."""
    assert run([str(argument) for argument in arguments]) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    assert lines[0].startswith("reweigh: ")
    assert "Traceback" not in captured.err + captured.out
    return lines[0]


SETTINGS = {
    "unknown data set": (["--dataset", "minst"], 'Did you mean "mnist"?'),
    "unknown rule": (["--rule", "l2wr"], "did you mean 'l2rw'"),
    "unknown model": (["--model", "resnet31"], "did you mean 'resnet3"),
    "unknown preset": (["--preset", "quick"], 'Choose from: "exact", "fast"'),
    "unknown engine": (["--engine", "magic"], '"auto", "ghost", "forward", "finite", "double"'),
    "unknown noise": (["--noise", "salt:0.4"], "salt:0.4"),
    "noise rate above one": (["--noise", "uniform:1.4"], "1.4"),
    "noise rate no number": (["--noise", "uniform:lots"], "uniform:lots"),
    "background class out of range": (["--noise", "background:0.4:17"], "17"),
    "missing transition matrix": (["--noise", "matrix:nowhere.npy"], "nowhere.npy"),
    "unknown imbalance": (["--imbalance", "steep:10"], "long-tail:FACTOR"),
    "imbalance below one": (["--imbalance", "long-tail:0.5"], "at least 1"),
    "imbalance beyond the data": (["--imbalance", "long-tail:5000"], "class"),
    "unknown optimizer": (["--optimizer", "sgdd"], 'Did you mean "sgd"?'),
    "unknown schedule": (["--schedule", "linear"], '"constant", "step", "cosine"'),
    "unknown augmentation": (["--augment", "mixup"], "crop-flip"),
    "negative learning rate": (["--lr", "-0.1"], "lr is -0.1"),
    "learning rate zero": (["--lr", "0"], "above 0"),
    "learning rate nan": (["--lr", "nan"], "above 0"),
    "momentum one": (["--momentum", "1"], "below 1"),
    "negative decay": (["--weight-decay", "-1"], "at least 0"),
    "no epochs": (["--epochs", "0"], "at least 1"),
    "no steps": (["--steps", "0"], "at least 1"),
    "epochs and steps": (["--epochs", "1", "--steps", "5"], "one of them"),
    "empty batch": (["--batch-size", "0"], "at least 1"),
    "empty clean batch": (["--clean-batch-size", "0"], "at least 1"),
    "no clean images": (["--clean-per-class", "0"], "at least 1"),
    "more clean images than there are": (["--clean-per-class", "1000"], "1000"),
    "negative seed": (["--seed", "-1"], "at least 0"),
    "negative warm-up": (["--warm-up", "-1"], "at least 0"),
    "no threads": (["--threads", "0"], "at least 1"),
    "checkpoint never": (["--checkpoint-every", "0"], "at least 1"),
    "unknown device": (["--device", "abacus"], "abacus"),
    "oracle without noise": (["--rule", "oracle"], "--noise"),
    "text model for images": (["--model", "transformer"], "transformer"),
    "layers that match nothing": (["--layers", "head.*", "--noise", "uniform:0.4"], "head.*"),
    "resume and overwrite": (["--resume", "--overwrite"], "contradict"),
    "resume of nothing": (["--resume"], "no run to resume"),
    "unknown option": (["--learning-rate", "1"], "--learning-rate"),
    "a word for a number": (["--batch-size", "many"], 'unable to convert "many" into a whole number'),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_cannot_be_used(name, tmp_path, capsys):
    options, said = SETTINGS[name]
    output = tmp_path / "run"
    sentence = refused(capsys, [*DIGITS, *options, "--output", output])
    assert said in sentence
    assert not any((output / file).exists() for file in ("checkpoint.pt", "model.safetensors", "summary.json"))


def test_no_data_set_and_unknown_command(tmp_path, capsys):
    assert "--dataset" in refused(capsys, ["train", "--output", tmp_path / "run"])
    assert "tarin" in refused(capsys, ["tarin"])
    assert list(tmp_path.iterdir()) == []


def test_data_that_are_not_there(tmp_path, capsys):
    arguments = ["train", "--dataset", "mnist", "--no-download", "--data-root", tmp_path / "data"]
    sentence = refused(capsys, [*arguments, "--output", tmp_path / "run"])
    assert "train-images-idx3-ubyte" in sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "content", [b"", b"no archive at all", gzip.compress(b"short")], ids=["empty", "text", "short"]
)
def test_a_corrupt_archive(content, tmp_path, capsys):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (raw / f"{name}-ubyte.gz").write_bytes(content)
    arguments = ["train", "--dataset", "mnist", "--no-download", "--data-root", tmp_path / "data"]
    assert "ubyte.gz" in refused(capsys, [*arguments, "--output", tmp_path / "run"])
    assert not (tmp_path / "run").exists()


def test_an_output_that_is_a_file_or_lies_below_one(tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert "not a folder" in refused(capsys, [*TINY, "--output", tmp_path / "file"])
    assert str(tmp_path / "file") in refused(capsys, [*TINY, "--output", tmp_path / "file" / "run"])
    assert str(tmp_path / "file") in refused(capsys, ["demo", "--output", tmp_path / "file"])
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o500)
    assert "permission" in refused(capsys, [*TINY, "--output", folder])


def test_a_read_only_file_system(tmp_path, capsys, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "replace", read_only)
    sentence = refused(capsys, [*TINY, "--output", tmp_path / "run"])
    assert "read-only file system" in sentence
    assert str(tmp_path / "run") in sentence
    assert [file.name for file in (tmp_path / "run").iterdir() if file.name != ".lock"] == []


@pytest.mark.parametrize(
    "file",
    [
        "config.json",
        "ledger/epoch-00001.parquet",
        "metrics.jsonl",
        "checkpoint.pt",
        "model.safetensors",
        "weights.parquet",
    ],
)
def test_a_full_disk(file, tmp_path, capsys, monkeypatch):
    real = os.fsync

    def full(descriptor):
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(f".{os.path.basename(file)}.part"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    sentence = refused(capsys, [*TINY, "--output", tmp_path / "run"])
    assert "the disk is full" in sentence
    assert file in sentence
    assert not (tmp_path / "run" / file).exists()
    assert not [left for left in (tmp_path / "run").rglob("*") if left.name.endswith(".part")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two epochs; the tests damage copies of it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert run([*DIGITS, "--epochs", "2", "--noise", "background:0.4", "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def unfinished(finished, tmp_path):
    """A run whose results are not yet written."""
    folder = tmp_path / "run"
    shutil.copytree(finished, folder)
    (folder / "summary.json").unlink()
    return folder


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_run_is_not_written_over(finished, capsys):
    before = contents(finished)
    sentence = refused(capsys, [*TINY, "--output", finished])
    assert "--resume" in sentence
    assert "--overwrite" in sentence
    assert contents(finished) == before


def test_a_bad_setting_with_overwrite_leaves_the_old_run(finished, capsys):
    before = contents(finished)
    refused(capsys, [*TINY, "--overwrite", "--clean-per-class", "1000", "--output", finished])
    assert contents(finished) == before


def test_resume_with_other_settings_names_them(unfinished, capsys):
    sentence = refused(capsys, ["train", "--resume", "--output", unfinished, "--lr", "0.5", "--rule", "random"])
    assert "lr is 0.01 there, not 0.5" in sentence
    assert "rule is 'l2rw' there, not 'random'" in sentence


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text"])
def test_a_damaged_checkpoint(damage, unfinished, capsys):
    path = unfinished / "checkpoint.pt"
    good = path.read_bytes()
    middle = len(good) // 2
    flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
    path.write_bytes({"empty": b"", "cut": good[:middle], "flipped": flipped, "text": b"hello"}[damage])
    sentence = refused(capsys, ["train", "--resume", "--output", unfinished])
    assert "checkpoint.pt is damaged" in sentence
    assert "--overwrite" in sentence


def test_a_checkpoint_that_would_run_code(unfinished, capsys):
    class Trap:
        def __reduce__(self):
            return os.system, ("echo sprung",)

    save_checkpoint(unfinished / "checkpoint.pt", {"model": Trap()})
    assert "is not a checkpoint" in refused(capsys, ["train", "--resume", "--output", unfinished])


def test_a_checkpoint_of_another_model(unfinished, capsys):
    state = load_checkpoint(unfinished / "checkpoint.pt")
    state["model"] = {"weight": torch.zeros(1)}
    save_checkpoint(unfinished / "checkpoint.pt", state)
    assert "does not fit" in refused(capsys, ["train", "--resume", "--output", unfinished])


EDITS = {
    "no json": (lambda config: "{", "config.json cannot be read"),
    "a list": (lambda config: "[]", "must hold a JSON object"),
    "no settings": (lambda config: "{}", "no 'settings'"),
    "misspelt": (lambda config: _edited(config, lerning_rate=1), "'lerning_rate'"),
    "wrong type": (lambda config: _edited(config, batch_size="many"), "batch_size is 'many'"),
    "wrong value": (lambda config: _edited(config, momentum=7.0), "momentum is 7.0"),
    "nothing to train on": (lambda config: _edited(config, dataset=None), "no data set is named"),
    "layers of numbers": (lambda config: _edited(config, layers=[1]), "layers is (1,)"),
}


def _edited(config, **settings):
    config["settings"].update(settings)
    return json.dumps(config)


@pytest.mark.parametrize("name", EDITS)
def test_a_config_broken_by_hand(name, unfinished, capsys):
    edit, said = EDITS[name]
    path = unfinished / "config.json"
    path.write_text(edit(json.loads(path.read_text())))
    sentence = refused(capsys, ["train", "--resume", "--output", unfinished])
    assert said in sentence
    assert "config.json" in sentence


def test_metrics_that_lack_lines(unfinished, capsys):
    path = unfinished / "metrics.jsonl"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    assert "metrics.jsonl has 1 lines but the checkpoint is at epoch 2" in refused(
        capsys, ["train", "--resume", "--output", unfinished]
    )


def test_a_folder_that_another_process_writes(unfinished, capsys):
    with RunFolder(unfinished).locked():
        assert "another process" in refused(capsys, ["train", "--resume", "--output", unfinished])


def test_a_run_that_diverges_names_the_examples_and_keeps_what_is_done(tmp_path, capsys):
    arguments = [*DIGITS, "--epochs", "3", "--rule", "uniform", "--lr", "1e30", "--output", tmp_path / "run"]
    sentence = refused(capsys, arguments)
    assert "not finite" in sentence
    assert "ids" in sentence
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize("seeds", ["0", "-3"])
def test_a_demo_without_seeds(seeds, tmp_path, capsys):
    assert "seeds" in refused(capsys, ["demo", "--seeds", seeds, "--output", tmp_path / "demo"])


# The Python face


def losses_of(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(size=6, **changed):
    torch.manual_seed(0)
    batch = {"x": torch.randn(size, 4), "y": torch.arange(size) % 3, "id": torch.arange(size) + 100}
    return batch | changed


def step(loss=losses_of, batch=None, clean=None, **options):
    torch.manual_seed(1)
    options = {"rule": L2RW(), **options}
    reweigher = Reweigher(nn.Linear(4, 3), loss, clean=batch_of() if clean is None else clean, **options)
    return reweigher.weigh(batch_of() if batch is None else batch)


def trained():
    return Reweigher(nn.Linear(4, 3), losses_of, rule=L2RW(), clean=batch_of()).backward(batch_of())


class Broken(Rule):
    name = "broken"

    def weigh(self, evidence):
        return torch.full((evidence.size,), float("nan"))


MISUSES = {
    "a loss already averaged": (lambda: step(lambda m, b: losses_of(m, b).mean()), BadInput, "reduction"),
    "a loss of two columns": (lambda: step(lambda m, b: torch.stack([losses_of(m, b)] * 2, 1)), BadInput, "(6, 2)"),
    "a loss that is no tensor": (lambda: step(lambda m, b: losses_of(m, b).tolist()), BadInput, "list"),
    "a loss of PyTorch's by itself": (
        lambda: step(nn.CrossEntropyLoss(reduction="none")),
        BadInput,
        "lambda model, batch",
    ),
    "a loss by its name": (
        lambda: step("cross_entropy"),
        BadInput,
        "'cross_entropy': pass a function of model and batch",
    ),
    "a step without gradients": (
        lambda: torch.no_grad()(trained)(),
        BadInput,
        "(torch.no_grad), and a step needs them",
    ),
    "a step of inference": (lambda: torch.inference_mode()(trained)(), BadInput, "(torch.inference_mode), and a step"),
    "losses not finite": (lambda: step(batch=batch_of(x=_with_nan())), NonFinite, "102"),
    "clean losses not finite": (lambda: step(clean=batch_of(x=_with_nan())), NonFinite, "clean"),
    "weights not finite": (lambda: step(rule=Broken()), NonFinite, "weight"),
    "an empty clean set": (lambda: step(clean=batch_of(0)), BadInput, "empty"),
    "no clean batch": (lambda: step(clean=[]), BadInput, "empty"),
    "a clean set that runs out": (lambda: step(clean=iter([batch_of()])), BadInput, "gone through"),
    "a clean set of ragged tensors": (lambda: step(clean=batch_of(y=torch.arange(2))), BadInput, "rows"),
    "a clean batch of size zero": (lambda: step(clean_batch_size=0), BadInput, "at least 1"),
    "an unknown engine": (lambda: step(engine="magic"), BadInput, "magic"),
    "a rule by its name": (lambda: step(rule="l2rw"), BadInput, "L2RW()"),
    "layers that match nothing": (lambda: step(layers="head.*"), BadInput, "head.*"),
    "class counts of nothing": (lambda: ClassProportion([0, 0]), BadInput, "zero"),
    "labels beyond the counts": (lambda: step(rule=ClassProportion([3, 3])), BadInput, "0 to 1"),
    "a label out of range": (lambda: examples(y=torch.tensor([0, 1, 7])), BadInput, "7"),
    "a negative label": (lambda: examples(y=torch.tensor([0, -1, 1])), BadInput, "-1"),
    "labels as floats": (lambda: examples(y=torch.tensor([0.0, 1.0, 1.0])), BadInput, "int64"),
    "repeated ids": (lambda: examples(ids=torch.tensor([5, 6, 5])), BadInput, "5"),
    "more inputs than labels": (lambda: examples(x=torch.zeros(4, 2)), BadInput, "4"),
    "inputs not finite": (lambda: examples(x=torch.full((3, 2), float("inf"))), BadInput, "infinity"),
    "no classes": (lambda: examples(classes=()), BadInput, "classes"),
    "a row that does not exist": (lambda: examples().batch(torch.tensor([3])), BadInput, "row 3"),
    "a clean set lacking a class": (lambda: clean_split(torch.tensor([0, 0, 2, 2]), 1, 0), BadInput, "class 1"),
    "a data set by another name": (lambda: load("digit"), BadInput, "digits"),
    "noise above one": (lambda: parse_noise("pair:2"), BadInput, "2"),
    "an unknown model": (lambda: build("lenett", input_shape=(1, 8, 8), classes=2), BadInput, "lenett"),
    "a direction of the wrong shape": (lambda: _wrong_direction(), BadInput, "shape"),
}


def _with_nan():
    x = batch_of()["x"].clone()
    x[2] = float("nan")
    return x


def _wrong_direction():
    model = nn.Linear(4, 3)
    direction = clean_direction(model, losses_of, batch_of())
    return alignments(model, losses_of, batch_of(), {name: v[:1] for name, v in direction.items()})


def examples(**changed):
    right = {"x": torch.zeros(3, 2), "y": torch.tensor([0, 1, 1]), "ids": torch.tensor([4, 5, 6])}
    return Examples(**({"classes": ("a", "b")} | right | changed))


@pytest.mark.parametrize("name", MISUSES)
def test_a_misuse_of_the_python_face(name):
    misuse, kind, said = MISUSES[name]
    with pytest.raises(kind) as caught:
        misuse()
    assert isinstance(caught.value, ReweighError)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
