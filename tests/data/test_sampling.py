import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data.sampling import batches, epoch_order, seed_for, steps_an_epoch
from reweigh.settings.schedule import learning_rate


def test_step_follows_the_paper():
    rates = [learning_rate("step", 0.1, step, 80_000) for step in (0, 39_999, 40_000, 59_999, 60_000, 79_999)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])


def test_constant_and_cosine():
    assert learning_rate("constant", 0.3, 99, 100) == 0.3
    assert learning_rate("cosine", 0.3, 0, 100) == pytest.approx(0.3)
    assert learning_rate("cosine", 0.3, 50, 100) == pytest.approx(0.15)
    assert 0 < learning_rate("cosine", 0.3, 99, 100) < 1e-3


def test_seeds_differ_by_purpose_and_never_change():
    assert len({seed_for(seed, what, n) for seed in range(3) for what in ("order", "model") for n in range(3)}) == 18
    assert seed_for(0, "order", 0) == 1829853113658518448
    assert 0 <= seed_for(0) < 2**63


def test_an_epoch_is_a_permutation_that_depends_on_seed_and_epoch_only():
    order = epoch_order(50, seed=1, epoch=2)
    assert sorted(order.tolist()) == list(range(50))
    torch.manual_seed(99)
    assert torch.equal(order, epoch_order(50, seed=1, epoch=2))
    assert not torch.equal(order, epoch_order(50, seed=1, epoch=3))
    assert not torch.equal(order, epoch_order(50, seed=2, epoch=2))


def test_thinned_passes_hold_each_example_once_and_in_proportion():
    weights = torch.cat([torch.ones(300), torch.full((300,), 0.2), torch.zeros(400)])
    orders = [epoch_order(1000, seed=0, epoch=epoch, sampling=weights, thinned=True) for epoch in range(40)]
    assert {len(order) for order in orders} == {1000}
    often = torch.bincount(torch.cat(orders), minlength=1000).double()
    passes = 40_000 / float(weights.sum())
    assert often[:300].mean() == pytest.approx(passes, rel=0.01)
    assert often[:300].std() < 4  # it were 10.5 if each were drawn anew
    assert often[300:600].mean() == pytest.approx(0.2 * passes, rel=0.03)
    assert not often[600:].any()
    assert torch.equal(orders[3], epoch_order(1000, seed=0, epoch=3, sampling=weights, thinned=True))


def test_hardly_any_weight_is_drawn_from_as_well():
    weights = torch.full((500,), 1e-9)
    weights[3] = 1e-6
    order = epoch_order(500, seed=0, epoch=0, sampling=weights, thinned=True)
    assert len(order) == 500
    assert (order == 3).double().mean() > 0.5


def test_sampling_weights_are_drawn_in_proportion():
    order = epoch_order(20_000, seed=0, epoch=0, sampling=torch.tensor([3.0, 1.0] + [0.0] * 19_998))
    share = (order == 0).double().mean().item()
    assert set(order.tolist()) == {0, 1}
    assert share == pytest.approx(0.75, abs=4 * math.sqrt(0.75 * 0.25 / 20_000))


@given(st.integers(1, 400), st.integers(1, 130))
def test_batches_are_alike_and_leave_nothing_out(count, size):
    parts = batches(torch.arange(count), size)
    assert len(parts) == steps_an_epoch(count, size)
    assert torch.cat(parts).tolist() == list(range(count))
    lengths = [len(part) for part in parts]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
