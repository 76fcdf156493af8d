"""Softmax regression against its own definition: the gradient is zero where it ends, and nothing beside is better."""

import pytest
import torch
import torch.nn.functional as F

from reweigh.rightness.logistic import softmax_regression

RIDGES = [0.1, 1.0, 30.0]


def data(groups=3, count=60, seed=0):
    draw = torch.Generator().manual_seed(seed)
    y = torch.arange(count) % groups
    x = torch.randn(count, 4, generator=draw) * torch.tensor([1.0, 10.0, 0.1, 3.0]) + y[:, None] * 0.4
    return x, y, torch.rand(count, generator=draw).double() + 0.1


def lost(fitted, beta, x, y, weights, ridge):
    """Cross-entropy and half the squares of the coefficients, of the intercept hardly any."""
    z = torch.cat([(x.double() - fitted.mean) / fitted.spread, torch.ones(len(x), 1)], 1)
    logits = torch.cat([torch.zeros(len(x), 1), z @ beta], 1)
    penalty = ridge * beta[:-1].square().sum() + 1e-3 * beta[-1].square().sum()
    return (weights * F.cross_entropy(logits, y, reduction="none")).sum() + penalty / 2


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize("groups", [2, 3, 5])
def test_it_ends_where_the_gradient_is_zero_and_nothing_is_better(groups, ridge):
    x, y, weights = data(groups)
    found = softmax_regression(x, y, ridge, weights)
    beta = found.beta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(lost(found, beta, x, y, weights, ridge), beta)
    assert float(gradient.abs().max()) < 1e-6
    least, draw = float(lost(found, found.beta, x, y, weights, ridge)), torch.Generator().manual_seed(1)
    for _ in range(20):
        other = found.beta + 0.05 * torch.randn(found.beta.shape, generator=draw, dtype=torch.double)
        assert float(lost(found, other, x, y, weights, ridge)) > least


def test_a_weight_of_three_is_an_example_three_times_over():
    """All but without a penalty, which is laid on features in units that are others then."""
    x, y, _ = data(count=90)
    x = x - y[:, None] * 0.3
    times = 1 + torch.arange(len(y)) % 3
    rows = torch.arange(len(y)).repeat_interleave(times)
    weighed, repeated = softmax_regression(x, y, 1e-6, times.double()), softmax_regression(x[rows], y[rows], 1e-6)
    assert torch.allclose(weighed(x).softmax(1), repeated(x).softmax(1), atol=1e-3)


def test_units_of_the_features_do_not_matter():
    x, y, _ = data()
    scaled = x * torch.tensor([1000.0, 1e-1, 5.0, 1.0]) + torch.tensor([5.0, 0.0, -3.0, 100.0])
    one, other = softmax_regression(x, y, 1.0), softmax_regression(scaled, y, 1.0)
    assert torch.allclose(one(x), other(scaled), atol=1e-3)


def test_groups_that_are_told_apart_for_sure_have_log_odds_that_end():
    x = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    found = softmax_regression(x, torch.tensor([0, 0, 1, 1]), 1e-6)
    assert bool(found(x).isfinite().all())
    assert 5 < float(found(x)[3, 1]) <= 30
    assert float(found(torch.tensor([[1e6]]))[0, 1]) == 30


def test_a_feature_that_is_the_same_everywhere_says_nothing():
    x, y, _ = data()
    x[:, 2] = 7.0
    found = softmax_regression(x, y, 1.0)
    assert float(found.beta[2].abs().max()) < 1e-9
    assert bool(found(x).isfinite().all())


def test_a_group_without_an_example_is_unlikely():
    x, y, _ = data(groups=2)
    found = softmax_regression(x, y, 1.0, count=3)
    assert found(x).shape == (60, 3)
    assert float(found(x).softmax(1)[:, 2].max()) < 0.05
    assert torch.equal(found(x)[:, 0], torch.zeros(60, dtype=torch.double))
