import pytest
import torch

from reweigh.run.job.prepare import prepare
from reweigh.settings import Settings


def digits(**settings):
    return prepare(Settings.of(dataset="digits", **settings))


def test_clean_images_are_apart_balanced_and_right():
    data = digits(noise="background:0.4", clean_per_class=7)
    assert data.clean.y.bincount().tolist() == [7] * 10
    assert not data.clean.corrupted.any()
    assert not torch.isin(data.clean.ids, data.train.ids).any()
    assert not torch.isin(data.train.ids, data.test.ids).any()
    assert not data.test.corrupted.any()


def test_background_noise_flips_to_one_class():
    train = digits(noise="background:0.4").train
    targets = train.y[train.corrupted].unique()
    assert len(targets) == 1
    own = float((train.true_y == targets).double().mean())
    assert float(train.corrupted.double().mean()) == pytest.approx(0.4 * (1 - own), abs=0.02)


def test_kept_clean_images_are_never_corrupted_and_the_others_all_the_same():
    apart, kept = digits(noise="uniform:0.5"), digits(noise="uniform:0.5", keep_clean_in_train=True)
    clean = torch.isin(kept.train.ids, kept.clean.ids)
    assert int(clean.sum()) == 100
    assert not kept.train.corrupted[clean].any()
    assert torch.equal(kept.train.ids[~clean], apart.train.ids)
    assert torch.equal(kept.train.y[~clean], apart.train.y)


def test_long_tail_comes_before_the_clean_split():
    data = digits(imbalance="long-tail:5", clean_per_class=5)
    counts = data.train.y.bincount(minlength=10) + 5
    assert counts[0] / counts[9] == pytest.approx(5, rel=0.05)
    assert data.clean.y.bincount().tolist() == [5] * 10


def test_truth_is_none_where_nothing_is_known_to_be_wrong():
    assert digits().truth is None
    assert int(digits(noise="symmetric:0.1").truth.sum()) == round(0.1 * 1342)


def test_the_seed_decides_everything():
    one, same, other = (digits(noise="pair:0.3", seed=seed) for seed in (5, 5, 6))
    assert torch.equal(one.train.y, same.train.y)
    assert torch.equal(one.clean.ids, same.clean.ids)
    assert not torch.equal(one.clean.ids, other.clean.ids)
