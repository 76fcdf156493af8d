"""Loggers hand over each epoch's numbers: to the library where it is installed, else to a stand-in of the same interface."""

import importlib.util
import sys
import types

import numpy as np
import pytest

import reweigh
from reweigh.errors import MissingExtra
from reweigh.run import Callback
from reweigh.run.loggers import MLflow, TensorBoard, WandB, numbers

X = np.random.default_rng(0).normal(size=(80, 2))
DATA = {"train": (X, X[:, 0] > 0), "clean": range(40), "epochs": 3, "rule": "l2rw", "quick": True, "verbose": False}


class Standing:
    """Notes what it is asked for."""

    def __init__(self):
        self.calls = []

    def active_run(self):
        return None

    def __getattr__(self, name):
        def note(*args, **options):
            self.calls.append((name, args, options))
            return self

        return note


def stand_in(monkeypatch, name):
    standing, module = Standing(), types.ModuleType(name)
    for attribute in ("active_run", "start_run", "log_metrics", "end_run", "init", "SummaryWriter"):
        setattr(module, attribute, getattr(standing, attribute))
    monkeypatch.setitem(sys.modules, name, module)
    return standing


def test_numbers_only():
    line = {"epoch": 1, "step": 4, "loss": 0.5, "auroc": None, "best": True, "bad": float("nan"), "count": 3}
    assert numbers(line) == {"loss": 0.5, "count": 3.0}


def test_mlflow(monkeypatch):
    standing = stand_in(monkeypatch, "mlflow")
    run = reweigh.fit(**DATA, callbacks=[MLflow(run_name="mine")])
    names = [call[0] for call in standing.calls]
    assert names == ["start_run", "log_metrics", "log_metrics", "log_metrics", "end_run"]
    assert standing.calls[0][2] == {"run_name": "mine"}
    assert standing.calls[3][1][0]["test_accuracy"] == run.score
    assert [call[2]["step"] for call in standing.calls[1:4]] == [line["step"] for line in run.metrics]


def test_wandb(monkeypatch):
    standing = stand_in(monkeypatch, "wandb")
    run = reweigh.fit(**DATA, callbacks=[WandB(mode="offline")])
    assert [call[0] for call in standing.calls] == ["init", "log", "log", "log", "finish"]
    assert standing.calls[0][2] == {"mode": "offline"}
    assert standing.calls[-2][1][0]["train_loss"] == run.metrics[-1]["train_loss"]


def test_tensorboard(monkeypatch, tmp_path):
    if importlib.util.find_spec("tensorboard") is not None:
        reweigh.fit(**DATA, callbacks=[TensorBoard(tmp_path)])
        assert [file for file in tmp_path.iterdir() if "tfevents" in file.name]
        return
    stand_in(monkeypatch, "tensorboard")
    standing = stand_in(monkeypatch, "torch.utils.tensorboard")
    run = reweigh.fit(**DATA, callbacks=[TensorBoard(tmp_path)])
    assert standing.calls[0] == ("SummaryWriter", (), {"log_dir": str(tmp_path)})
    scalars = {call[1] for call in standing.calls if call[0] == "add_scalar"}
    assert ("test_accuracy", run.score, run.metrics[-1]["step"]) in scalars
    assert standing.calls[-1][0] == "close"


@pytest.mark.parametrize(("logger", "name"), [(MLflow, "mlflow"), (WandB, "wandb"), (TensorBoard, "tensorboard")])
def test_what_is_missing_is_named(logger, name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=rf"reweigh\[{name}\]"):
        logger(*([tmp_path] if logger is TensorBoard else []))


class StopAfter(Callback):
    def __init__(self, epoch):
        self.epoch, self.steps = epoch, 0

    def on_step(self, step):
        self.steps += 1

    def on_epoch(self, line):
        return line["epoch"] == self.epoch


def test_a_run_that_a_callback_ends_is_finished(tmp_path):
    stop = StopAfter(2)
    run = reweigh.fit(**{**DATA, "epochs": 5}, output=tmp_path / "run", checkpoint_every=4, callbacks=[stop])
    assert (run.summary["epochs"], run.summary["steps"], len(run.metrics)) == (2, stop.steps, 2)
    assert len(run.audit()) == 40
    (tmp_path / "run" / "model.safetensors").unlink()  # made again, without another epoch
    again = reweigh.fit(output=tmp_path / "run", resume=True, rule="l2rw", quick=True, verbose=False)
    assert again.summary["epochs"] == 2
