"""The mean of the last epochs' parameters: it is evaluated, comes out and predicts, also of a resumed run."""

import numpy as np
import pytest
import torch
from torch import nn

import reweigh
from made_up_pairs import three_files
from reweigh.errors import BadInput
from reweigh.predict import predict_new
from reweigh.run import Callback
from reweigh.run.averaging import Averaging

draw = np.random.default_rng(0)
X = draw.normal(size=(120, 4))
DATA = {"train": (X, draw.permutation(X[:, 0] > 0)), "clean": range(60), "lr": 0.05, "quick": True, "verbose": False}
RULE = {"rule": "l2rw"}


class Kept(Callback):
    """Each epoch's parameters, as the optimizer left them."""

    def __init__(self, model):
        self.model, self.states = model, []

    def on_epoch(self, line):
        self.states.append([p.detach().clone() for p in self.model.parameters()])


class Broken(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch(self, line):
        if line["epoch"] == self.epoch:
            raise KeyboardInterrupt


def test_it_is_the_mean_of_the_last_ones_and_before_that_the_model_itself():
    model = nn.Linear(1, 1)
    mean, found = Averaging(model, epochs=5, count=3), []
    for epoch in range(1, 6):
        nn.init.constant_(model.weight, float(epoch**2))
        mean.on_epoch({"epoch": epoch})
        found.append(mean.model.weight.item())
        assert model.weight.item() == epoch**2  # training goes on from where it was
    assert found == pytest.approx([1, 4, 9, (9 + 16) / 2, (9 + 16 + 25) / 3])
    mean.on_end()
    assert model.weight.item() == found[-1]


def test_of_fewer_epochs_it_is_the_mean_of_all():
    model = nn.Linear(1, 1)
    mean = Averaging(model, epochs=2, count=9)
    for epoch in (1, 2):
        nn.init.constant_(model.weight, float(epoch))
        mean.on_epoch({"epoch": epoch})
    assert mean.model.weight.item() == 1.5


def epochs_apart(count, **more):
    """Parameters after each of so many epochs, of as many runs, each stopped after one more."""
    found = []
    for epochs in range(1, count + 1):
        run = reweigh.fit(**DATA, **RULE, epochs=epochs, schedule="constant", **more)
        found.append([p.detach() for p in run.model.parameters()])
    return found


def test_a_runs_model_is_the_mean_of_what_its_epochs_led_to_and_is_what_is_scored():
    apart = epochs_apart(5)
    run = reweigh.fit(**DATA, **RULE, epochs=5, schedule="constant", average=3)
    for number, found in enumerate(run.model.parameters()):
        torch.testing.assert_close(found, torch.stack([epoch[number] for epoch in apart[2:]]).mean(0))
    plain = reweigh.fit(**DATA, **RULE, epochs=5, schedule="constant")
    scores = [[line["test_accuracy"] for line in one.metrics] for one in (run, plain)]
    assert scores[0][:3] == scores[1][:3]
    assert run.summary["test_accuracy"] == scores[0][-1]
    losses = [[line["train_loss"] for line in one.metrics] for one in (run, plain)]
    assert losses[0] == losses[1]  # it looks on


@pytest.mark.parametrize("broken", [2, 4])
def test_a_resumed_run_ends_with_the_same_bits(broken, tmp_path):
    whole = reweigh.fit(**DATA, **RULE, epochs=5, average=3)
    with pytest.raises(KeyboardInterrupt, match="saved in"):
        reweigh.fit(**DATA, **RULE, epochs=5, average=3, output=tmp_path / "run", callbacks=[Broken(broken)])
    run = reweigh.fit(output=tmp_path / "run", resume=True, **RULE, quick=True, verbose=False)
    for one, other in zip(run.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert [line["test_accuracy"] for line in run.metrics] == [line["test_accuracy"] for line in whole.metrics]


def test_results_made_again_from_the_checkpoint_are_the_same(tmp_path):
    whole = reweigh.fit(**DATA, **RULE, epochs=4, average=2, output=tmp_path / "run")
    before = (tmp_path / "run" / "model.safetensors").read_bytes()
    for name in ("summary.json", "model.safetensors"):
        (tmp_path / "run" / name).unlink()
    run = reweigh.fit(output=tmp_path / "run", resume=True, **RULE, quick=True, verbose=False)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == before
    assert run.score == whole.score


def test_translations_are_those_of_the_mean(tmp_path):
    three_files(tmp_path, 60)
    said = {"source": "de", "target": "en", "quick": True, "verbose": False, "rule": "uniform", "batch_size": 32}
    files = {"train": tmp_path / "pairs.tsv", "clean": tmp_path / "checked.tsv"}
    run = reweigh.fit(**files, **said, epochs=3, average=2, output=tmp_path / "run", test=tmp_path / "new.tsv")
    found = predict_new(tmp_path / "run", tmp_path / "new.tsv")
    assert found.scores["test_chrf"] == pytest.approx(run.summary["test_chrf"])


def test_what_it_does_not_go_with():
    with pytest.raises(BadInput, match="average is the mean of the last epochs and patience the best of all"):
        reweigh.fit(**DATA, **RULE, epochs=4, average=2, patience=2)
    with pytest.raises(BadInput, match="average"):
        reweigh.fit(**DATA, **RULE, epochs=4, average=1)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    with pytest.raises(BadInput, match="has no statistics for batch normalisation"):
        reweigh.fit(**DATA, rule="uniform", epochs=4, average=2, model=model)
