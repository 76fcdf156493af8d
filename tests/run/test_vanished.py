"""A clean gradient that vanishes ends the weights where the rule was chosen for the user, and not where they named it."""

import json

import numpy as np
import pytest

import reweigh
from reweigh.run import Callback
from reweigh.run.choice.candidates import Way
from reweigh.run.folder import run_folder as files

draw = np.random.default_rng(0)
X = draw.normal(size=(160, 3)) + 6.0 * (np.arange(160) % 2)[:, None]  # two clumps far apart: soon fitted
DATA = {
    "train": (X, np.arange(160) % 2),
    "clean": range(60),
    "lr": 0.1,
    "batch_size": 16,
    "quick": True,
    "verbose": False,
}


class Weights(Callback):
    """At which steps every example counted about alike, as where all labels are likely right."""

    def __init__(self):
        self.alike = []

    def on_step(self, step):
        self.alike.append(bool((step.weights * len(step.weights) - 1).abs().max() < 0.5))


@pytest.fixture
def only_l2rw(monkeypatch):
    """L2RW is what trials end in."""
    monkeypatch.setattr("reweigh.run.choice.choose.best_of", lambda tried, safe, fine: Way("l2rw"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:for 3 batches in a row")
@pytest.mark.usefixtures("only_l2rw")
def test_a_chosen_rule_stops_and_a_named_one_goes_on(tmp_path):
    seen = Weights()
    with pytest.warns(
        UserWarning, match=r"vanished at step \d+ .* examples count by how likely their labels are right"
    ) as told:
        reweigh.fit(**DATA, steps=400, output=tmp_path / "run", callbacks=[seen])
    assert len([one for one in told if "vanished" in str(one.message)]) == 1
    assert json.loads((tmp_path / "run" / files.CONFIG).read_text())["settings"]["rule"] == "l2rw"
    assert not any(seen.alike[:10])
    assert all(seen.alike[-20:])
    named = Weights()
    with pytest.warns(UserWarning, match="the weights are turning to noise"):
        reweigh.fit(**DATA, steps=400, rule="l2rw", callbacks=[named])
    assert not any(named.alike[-20:])
