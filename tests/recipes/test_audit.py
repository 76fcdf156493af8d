"""The audit's recipe, in the small: its data, its two ways to score, its table."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from recipes import audit as recipe
from reweigh.data import Examples
from reweigh.run.job.prepare import prepare
from reweigh.settings import Settings
from reweigh.settings.usual import resolved


@pytest.fixture(scope="module")
def task():
    config = resolved(Settings.of(dataset="digits", noise="pair:0.3", steps=120, lr=0.05, threads=1))
    return config, prepare(config)


def test_both_ways_find_wrong_labels(task):
    rows = recipe.by_reweigh("digits-pair", *task)
    assert [row.method for row in rows] == ["reweigh audit", "  trust", "  mean weight", "  mean loss"]
    assert rows[0].auroc > 0.9
    precision, recall = rows[0].flagged
    assert precision > 0.8
    assert recall > 0.7
    config, data = task
    theirs = recipe.by_cleanlab("digits-pair", config.but(steps=60), data, with_clean=True)
    assert theirs.auroc > 0.6
    assert theirs.flagged is not None


def test_cross_validation_leaves_nothing_out_and_adds_the_clean(task):
    config, data = task
    seen = []
    real = recipe.assemble

    def noting(config, data):
        seen.append(data.train)
        return real(config, data)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recipe, "assemble", noting)
        found = recipe.cross_validated(config.but(steps=2), data, True)
    assert found.shape == (len(data.train), 10)
    assert found.sum(1) == pytest.approx(np.ones(len(found)), abs=1e-5)
    held_out = [set(data.train.ids.tolist()) - set(part.ids.tolist()) for part in seen]
    assert sorted(i for part in held_out for i in part) == sorted(data.train.ids.tolist())
    assert all(set(data.clean.ids.tolist()) <= set(part.ids.tolist()) for part in seen)


def test_scores_by_hand():
    quality, wrong = np.array([0.1, 0.9, 0.2, 0.8]), np.array([True, False, False, True])
    row = recipe.score("t", "m", quality, wrong, np.array([True, False, True, True]))
    assert (row.auroc, row.at_one_percent, row.at_rate) == (0.75, 1.0, 0.5)
    assert row.flagged == pytest.approx((2 / 3, 1.0))
    mean = recipe.mean_row([row, replace(row, auroc=0.25, flagged=(0.0, 0.0))])
    assert mean.auroc == 0.5
    assert "| t | m | 0.500 | 1.00 | 0.50 | 0.33, 0.50 |" in recipe.as_markdown([mean])


def test_features_tell_pictures_apart_and_know_no_labels(monkeypatch):
    monkeypatch.setattr(recipe, "WORDS", 8)
    x = torch.rand(60, 3, 32, 32) * 0.2
    x[::2, 0, :, ::4] += 0.7  # red stripes
    train, test = recipe.features(x[:40], x[40:], seed=0)
    assert (train.shape, test.shape) == ((40, 32), (20, 32))
    assert train.mean(0).abs().max() < 1e-4
    centres = torch.stack([train[::2].mean(0), train[1::2].mean(0)])
    assert torch.cdist(test, centres).argmin(1).tolist() == [0, 1] * 10


def test_human_labels_become_a_task(monkeypatch, tmp_path):
    y = torch.arange(300) % 10
    examples = Examples(torch.rand(300, 3, 32, 32), y, torch.arange(300), tuple("abcdefghij"))
    monkeypatch.setattr(recipe, "load", lambda *_: (examples, examples))
    monkeypatch.setattr(recipe, "human_labels", lambda *_: (y + (torch.arange(300) < 60)) % 10)
    monkeypatch.setattr(recipe, "IMAGES", 100)
    monkeypatch.setattr(recipe, "features", lambda train, test, seed: (train.flatten(1)[:, :5], test.flatten(1)[:, :5]))
    config, data = recipe.load_task("cifar10n-random1", 0, None)
    assert config.student.model == "mlp"
    assert len(data.clean) == 200
    assert not data.clean.corrupted.any()
    assert 0 < int(data.train.corrupted.sum()) <= 60
    assert not torch.isin(data.clean.ids, data.train.ids).any()


def test_refusals(capsys, tmp_path):
    with pytest.raises(SystemExit) as left:
        recipe.main(["--seeds", "0"])
    assert left.value.code == 2
    with pytest.raises(SystemExit) as left:
        recipe.main(["--tasks", "cifar10n-worst"])
    assert left.value.code == 2
