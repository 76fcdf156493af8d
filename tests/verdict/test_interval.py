"""Intervals of differences: they hold the truth as often as they say, and say so where nothing can be told."""

import math

import pytest
import torch

from reweigh.verdict.interval import Difference, differences


def difference(score, ours, other, y, **more):
    return differences(score, ours, [other], y, **more)[0]


def share_right(outputs, y):
    return float((outputs.argmax(1) == y).float().mean())


def models(count, first, second, generator):
    """Two models' outputs for `count` examples of class 0, right with these probabilities, independently."""
    right = [torch.rand(count, generator=generator) < p for p in (first, second)]
    return [torch.stack([r.float(), 1 - r.float()], 1) for r in right], torch.zeros(count, dtype=torch.long)


@pytest.mark.parametrize("count", [12, 40, 200])
@pytest.mark.parametrize(("first", "second"), [(0.9, 0.7), (0.97, 0.97), (0.6, 0.5)])
def test_intervals_hold_the_truth(count, first, second):
    generator, held = torch.Generator().manual_seed(count), 0
    for trial in range(120):
        (ours, other), y = models(count, first, second, generator)
        gap = difference(share_right, ours, other, y, seed=trial)
        held += gap.low <= first - second <= gap.high
    assert held / 120 >= 0.90


def test_the_same_model_is_no_better_and_still_not_sure():
    (ours, _), y = models(20, 0.9, 0.5, torch.Generator().manual_seed(0))
    gap = difference(share_right, ours, ours, y)
    assert gap.value == 0
    assert 0.1 < gap.margin < 0.2  # as if one had been won and one lost
    assert gap.needed is None


def test_pairs_tell_more_than_two_samples():
    """Two models that err on the same examples differ for sure where each alone is uncertain."""
    y = torch.zeros(200, dtype=torch.long)
    wrong = torch.arange(200) < 60
    ours = torch.stack(
        [1 - (wrong & (torch.arange(200) >= 12)).float(), (wrong & (torch.arange(200) >= 12)).float()], 1
    )
    other = torch.stack([1 - wrong.float(), wrong.float()], 1)
    gap = difference(share_right, ours, other, y)
    assert gap.value == pytest.approx(0.06)
    assert gap.low > 0.02


def test_one_example_says_nothing():
    ours, y = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    gap = difference(share_right, ours, 1 - ours, y)
    assert gap.margin == math.inf
    assert gap.needed is None


def test_a_score_that_is_not_known_says_nothing():
    gap = difference(lambda outputs, y: float("nan"), torch.zeros(5, 2), torch.zeros(5, 2), torch.zeros(5))
    assert (gap.value, gap.margin) == (0.0, math.inf)


def test_examples_that_would_do():
    gap = Difference(0.02, 0.04, 100)
    assert gap.needed == 300  # twice as narrow takes four times as many
    assert Difference(0.04, 0.02, 100).needed == 0


def test_the_seed_decides():
    (ours, other), y = models(50, 0.8, 0.6, torch.Generator().manual_seed(1))
    assert difference(share_right, ours, other, y, seed=1) == difference(share_right, ours, other, y, seed=1)
    assert difference(share_right, ours, other, y, seed=1) != difference(share_right, ours, other, y, seed=2)


def test_a_higher_level_is_wider():
    (ours, other), y = models(50, 0.8, 0.6, torch.Generator().manual_seed(1))
    assert (
        difference(share_right, ours, other, y, level=0.99).margin
        > difference(share_right, ours, other, y).margin * 1.2
    )
