"""Shares that expectation maximisation finds: the likeliest ones of a grid, the true ones where they are known."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.rightness.shares import shares_by_cell, shares_of_groups, wilson


def log_odds(share, count, apart=2.0, seed=0):
    """Of labels such a share of which is right: what a perfect verifier says that was taught half and half."""
    draw = torch.Generator().manual_seed(seed)
    right = torch.rand(count, generator=draw) < share
    x = torch.randn(count, generator=draw, dtype=torch.double) + torch.where(right, apart / 2, -apart / 2)
    return apart * x, right


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.9])
def test_of_two_groups_it_is_the_likeliest_share_of_a_grid(share):
    logits, _ = log_odds(share, 400)
    p = torch.sigmoid(logits)
    grid = torch.linspace(0.001, 0.999, 999, dtype=torch.double)
    likelihood = (grid[:, None] * p + (1 - grid[:, None]) * (1 - p)).log().sum(1)
    found = shares_of_groups(torch.stack([torch.zeros(400), -logits], 1))
    assert float(found[0]) == pytest.approx(float(grid[likelihood.argmax()]), abs=0.003)
    assert float(found.sum()) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 0.98])
def test_a_share_that_is_known_is_found(share):
    logits, right = log_odds(share, 4000)
    found = float(shares_by_cell(logits, (torch.zeros(4000).long(),) * 2, (1, 1))[0, 0])
    assert found == pytest.approx(float(right.double().mean()), abs=0.04)


def test_of_several_groups_each_has_its_share():
    """Three clumps on a line, of which the verifier was taught as many each."""
    draw, shares = torch.Generator().manual_seed(0), torch.tensor([0.7, 0.25, 0.05])
    group = torch.multinomial(shares, 6000, replacement=True, generator=draw)
    x = torch.randn(6000, generator=draw, dtype=torch.double) + 4 * group
    logits = -(x[:, None] - 4 * torch.arange(3)).square() / 2
    assert shares_of_groups(logits).tolist() == pytest.approx(shares.tolist(), abs=0.03)


def test_a_pair_that_is_seen_often_has_its_own_share_and_a_rare_one_that_of_all():
    often, _ = log_odds(0.2, 3000, seed=1)
    rest, _ = log_odds(0.9, 3000, seed=2)
    rare, _ = log_odds(0.0, 2, seed=3)
    rows = torch.tensor([0] * 3000 + [1] * 3000 + [2] * 2)
    found = shares_by_cell(torch.cat([often, rest, rare]), (rows, torch.zeros(6002).long()), (3, 2))
    assert found.shape == (3, 2)
    assert found[:2, 0].tolist() == pytest.approx([0.2, 0.9], abs=0.05)
    assert 0.4 < float(found[2, 0]) < 0.65  # two labels say little
    assert found[:, 1].tolist() == pytest.approx([0.55] * 3, abs=0.05)  # nobody says more


@pytest.mark.parametrize("said", [-50.0, 50.0])
def test_shares_stay_within_what_few_labels_can_say(said):
    found = float(shares_by_cell(torch.full((20,), said), (torch.zeros(20).long(),) * 2, (1, 1))[0, 0])
    assert 0.02 <= found <= 0.9995


@given(st.floats(0, 1), st.floats(1, 1e6))
def test_an_interval_holds_its_share_and_is_the_mirror_of_the_others(share, count):
    low, high = wilson(share, count)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    mirrored = wilson(1 - share, count)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)
    wider = wilson(share, count / 2)
    assert wider[1] - wider[0] >= high - low - 1e-12


def test_an_interval_by_hand():
    """Of eight in ten, by the two ends of (p - s)² = z² p (1 - p) / n."""
    low, high = wilson(0.8, 10)
    for end in (low, high):
        assert abs(end - 0.8) == pytest.approx(1.96 * math.sqrt(end * (1 - end) / 10), rel=1e-9)
    assert low < 0.8 < high
