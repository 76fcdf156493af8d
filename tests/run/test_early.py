"""Early stopping: by checked examples that are held back, and the best epoch's model comes out, also of a resumed run."""

import numpy as np
import pytest
import torch

import reweigh
from reweigh.errors import BadInput
from reweigh.run import Callback
from reweigh.run.early import EarlyStopping

draw = np.random.default_rng(0)
X = draw.normal(size=(120, 4))
DATA = {
    "train": (X, draw.permutation(X[:, 0] > 0)),
    "clean": range(60),
    "lr": 0.05,
    "rule": "l2rw",
    "quick": True,
    "verbose": False,
}


def test_it_ends_after_so_many_epochs_and_the_best_model_comes_out():
    model = torch.nn.Linear(1, 1)
    early, weights = EarlyStopping(model, 2), []
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.5], 1):
        torch.nn.init.constant_(model.weight, float(epoch))
        weights.append(early.on_epoch({"epoch": epoch, "validation_loss": loss}))
    assert weights == [False, False, False, True]
    early.on_end()
    assert model.weight.item() == 2.0


def test_the_epoch_is_chosen_by_held_back_checked_examples():
    run = reweigh.fit(**DATA, epochs=60, patience=3)
    losses = [line["validation_loss"] for line in run.metrics]
    best = int(np.argmin(losses)) + 1
    assert len(losses) == min(best + 3, 60) == run.summary["epochs"] < 60  # labels are noise, so it overfits at once
    assert run.summary["best_epoch"] == best
    assert run.score == run.metrics[best - 1]["test_accuracy"]
    assert run.summary["clean_examples"] + run.summary["test_examples"] < 60
    assert any("held back to choose the epoch" in note for note in run.notes)


class Broken(Callback):
    def on_epoch(self, line):
        if line["epoch"] == 2:
            raise KeyboardInterrupt


def test_a_resumed_run_ends_as_if_nothing_had_happened(tmp_path):
    whole = reweigh.fit(**DATA, epochs=60, patience=3)
    with pytest.raises(KeyboardInterrupt, match="saved in"):
        reweigh.fit(**DATA, epochs=60, patience=3, output=tmp_path / "run", callbacks=[Broken()])
    run = reweigh.fit(output=tmp_path / "run", resume=True, rule="l2rw", quick=True, verbose=False)
    assert run.summary["best_epoch"] == whole.summary["best_epoch"]
    for one, other in zip(run.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_too_few_to_hold_back():
    with pytest.raises(BadInput, match="too few to hold some back for patience="):
        reweigh.fit(dataset="digits", clean_per_class=1, patience=2, steps=2, rule="l2rw", quick=True, verbose=False)
