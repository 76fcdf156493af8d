"""Losses, gradients and weights near the ends of what floating point holds: the right weights, or a sentence."""

import contextlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, ClassAwareWeightNet, DeepInteraction, MetaWeightNet, Reweigher
from reweigh.errors import NonFinite
from reweigh.metrics import effective_sample_size, mass_per_class
from reweigh.rules import Evidence, to_sum_one
from reweigh.rules.clean_means import Means, similarities
from reweigh.rules.surface import surface
from reweigh.step import Clean, report

SIZES = [1e37, 1e20, 1e-20, 1e-37, 1e-40]


def batch_of(seed, size=16):
    generator = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(size, 4, generator=generator), "y": torch.randint(3, (size,), generator=generator)}


def times(factor):
    return lambda model, batch: F.cross_entropy(model(batch["x"]), batch["y"], reduction="none") * factor


def weights_of(engine, training, clean, how="weigh", **options):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    by_rule = Reweigher(
        model, times(training), clean_loss=times(clean), rule=L2RW(), clean=[batch_of(9)], engine=engine, **options
    )
    found = getattr(by_rule, how)(batch_of(1))
    return (found if how == "weigh" else found.weights), by_rule.report


@pytest.mark.parametrize("engine", ["auto", "ghost", "forward", "double", "finite"])
@pytest.mark.parametrize("training", [*SIZES, 1.0])
@pytest.mark.parametrize("clean", [*SIZES, 1.0])
def test_the_sizes_of_losses_drop_out_of_l2rw(engine, training, clean):
    expected, _ = weights_of(engine, 1.0, 1.0)
    found, told = weights_of(engine, training, clean, "backward" if clean < training else "weigh")
    # At 1e-40 float32 has 17 bits left, and the finite engine divides a difference by its step.
    tolerance = 5e-2 if engine == "finite" else 2e-3
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance / 16)
    assert 0 < told.direction_norm < math.inf
    assert bool(told.alignments.any())


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_report_of_an_extreme_step_is_true(average):
    """⟨∇ℓ, v⟩ of 1e74, and ‖v‖ of 1e37, whose square is beyond float32."""
    _, one = weights_of("double", 1.0, 1.0, clean_average=average)
    _, far = weights_of("double", 1e37, 1e37, clean_average=average)
    torch.testing.assert_close(far.alignments / 1e74, one.alignments.double(), rtol=1e-4, atol=1e-6)
    assert far.direction_norm == pytest.approx(one.direction_norm * 1e37, rel=1e-4)
    _, near = weights_of("double", 1e-40, 1e-40, clean_average=average)
    torch.testing.assert_close(near.alignments * 1e80, one.alignments.double(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("place", ["largest", "smallest", "lower half", "overflowing sum"])
def test_the_scale_drops_out_of_a_sum(dtype, place):
    """To the last bit but for what the type itself cannot hold."""
    values, limits = torch.tensor([0.0, 1.0, 3.0, 4.0]), torch.finfo(dtype)
    unit = {
        "largest": limits.max / 4,
        "smallest": limits.smallest_normal * limits.eps,
        "lower half": limits.smallest_normal,
        "overflowing sum": limits.max / 5,
    }[place]
    weights = (values.double() * unit).to(dtype)
    exact = (weights.double() / unit) / (weights.double() / unit).sum()
    found = to_sum_one(weights)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), exact, rtol=2 * limits.eps, atol=0)


def test_an_ordinary_sum_keeps_its_bits():
    weights = torch.rand(1000) * 7
    assert torch.equal(to_sum_one(weights), weights / weights.sum())


def test_ten_thousand_halves():
    found = to_sum_one(torch.full((10_000,), 20.0, dtype=torch.float16))
    torch.testing.assert_close(found.float(), torch.full((10_000,), 1e-4), rtol=1e-2, atol=0)


def test_the_gradient_of_a_sum_knows_nothing_of_the_scale():
    for unit in (1.0, 1e38, 1e-38):
        raw = (torch.tensor([1.0, 2.0, 1.0]) * unit).requires_grad_()
        to_sum_one(raw)[0].backward()
        torch.testing.assert_close(raw.grad.double() * unit, torch.tensor([3.0, -1.0, -1.0]).double() / 16)


@pytest.mark.parametrize("rule", [MetaWeightNet, lambda: ClassAwareWeightNet([5, 6, 7]), lambda: DeepInteraction(3)])
@pytest.mark.parametrize("size", [1e37, 3e38, 1e300, 1e-40, 1e-300])
def test_losses_of_any_size_are_weighed(rule, size):
    """Not one network gives NaN, nor nothing at all: where all losses are beyond its curve they count alike."""
    made, dtype = rule(), torch.float64 if size > 1e39 or size < 1e-50 else torch.float32
    if isinstance(made, DeepInteraction):
        made = DeepInteraction(3, internal=False, interaction=False)
    losses = torch.full((9,), size, dtype=dtype)
    evidence = Evidence(9, losses, {"y": torch.arange(9) % 3}, losses=losses, look_up=lambda b: b["y"])
    weights = made.weights(evidence)
    assert bool(torch.isfinite(weights).all())
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)
    weights.square().sum().backward()
    assert all(bool(torch.isfinite(p.grad).all()) for p in made.net.parameters() if p.grad is not None)


@pytest.mark.parametrize("rule", [MetaWeightNet, lambda: DeepInteraction(3)])
@pytest.mark.parametrize("size", SIZES)
def test_a_rule_learns_from_any_size_or_says_why_not(rule, size):
    """And after a refusal it is as it was."""
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 / max(size, 1.0))
    made = rule()
    by_rule = Reweigher(model, times(size), clean_loss=times(size), rule=made, clean=[batch_of(9)], optimizer=optimizer)
    for k in range(3):
        optimizer.zero_grad()
        weights = by_rule.backward(batch_of(k)).weights
        assert float(weights.sum()) == pytest.approx(1.0, abs=1e-5)
        optimizer.step()
        with contextlib.suppress(NonFinite):
            by_rule.after_step()
    assert all(bool(torch.isfinite(p).all()) for p in made.net.parameters())


@pytest.mark.parametrize("size", [1e30, 1e-30, 1e-40])
def test_internal_states_of_any_size_lie_as_they_lie(size):
    generator = torch.Generator().manual_seed(1)
    states, rows = torch.randn(6, 5, generator=generator), torch.randn(3, 5, generator=generator)
    seen = torch.tensor([True, True, False])
    expected = similarities(states, Means(rows, seen))
    torch.testing.assert_close(similarities(states * size, Means(rows * size, seen)), expected, rtol=1e-3, atol=1e-4)


def test_class_means_of_large_states_do_not_overflow():
    states = torch.full((8, 2), 3e38)
    means = Means.none(2, states).with_batch(states, torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(means.rows[0], states[0])


def test_the_surface_of_a_loss_beyond_float32():
    losses = torch.tensor([1e300, 1.0], dtype=torch.float64)
    evidence = Evidence(2, losses, None, losses=losses)
    assert surface(evidence)[0, 0] == pytest.approx(math.log(1e300))


def test_the_norm_of_a_half_precision_direction():
    clean = Clean({"a": torch.full((100,), 6e4, dtype=torch.float16)}, torch.tensor(1.0))
    assert report(1, torch.ones(2), None, None, clean, None).direction_norm == pytest.approx(6e5, rel=1e-3)


@pytest.mark.parametrize("size", [1e-45, 1e-40, 3e38])
def test_the_effective_sample_size_has_no_scale(size):
    weights = torch.tensor([1.0, 1.0, 0.0, 1.0]) * size
    assert effective_sample_size(weights) == pytest.approx(3.0)


def test_the_mass_of_a_class_in_half_precision_does_not_stop_at_2048():
    weights = torch.ones(3000, dtype=torch.float16)
    assert mass_per_class(weights, torch.zeros(3000, dtype=torch.int64), 1).tolist() == [3000.0]
