"""A look-ahead is the step that the optimizer would take, and what is carried is its derivative: both against the step."""

import copy
import inspect
import warnings

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from reweigh.optimizers import look_ahead, precondition, step, trains

SETTINGS = {
    "sgd": (SGD, {"lr": 0.1}),
    "sgd maximize": (SGD, {"lr": 0.1, "maximize": True}),
    "sgd decay": (SGD, {"lr": 0.1, "weight_decay": 0.3}),
    "momentum": (SGD, {"lr": 0.1, "momentum": 0.9}),
    "dampening": (SGD, {"lr": 0.1, "momentum": 0.8, "dampening": 0.4}),
    "nesterov": (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "everything": (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "maximize": True}),
    "dampening, decay, maximize": (
        SGD,
        {"lr": 0.2, "momentum": 0.7, "dampening": 0.5, "weight_decay": 0.1, "maximize": True},
    ),
    "adam": (Adam, {"lr": 0.1, "eps": 1e-2}),
    "adam decay": (Adam, {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.3}),
    "adam decay maximize": (Adam, {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.3, "maximize": True}),
    "adam betas": (Adam, {"lr": 0.05, "betas": (0.6, 0.7), "eps": 1e-8}),
    "amsgrad": (Adam, {"lr": 0.1, "betas": (0.5, 0.3), "eps": 1e-2, "amsgrad": True}),
    "adamw": (AdamW, {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.3}),
    "adamw amsgrad maximize": (
        AdamW,
        {"lr": 0.1, "betas": (0.5, 0.3), "eps": 1e-2, "weight_decay": 0.2, "amsgrad": True, "maximize": True},
    ),
    "tensor lr": (SGD, {"lr": torch.tensor(0.1, dtype=torch.float64), "momentum": 0.9}),
    "adam tensor lr": (Adam, {"lr": torch.tensor(0.1, dtype=torch.float64), "eps": 1e-2}),
}
if "decoupled_weight_decay" in inspect.signature(Adam).parameters:  # from PyTorch 2.7 on
    SETTINGS["adam decoupled"] = (
        Adam,
        {"lr": 0.1, "eps": 1e-2, "weight_decay": 0.3, "decoupled_weight_decay": True},
    )


def drawn(params, seed):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(p.shape, generator=generator, dtype=p.dtype) for name, p in params.items()}


def parameters():
    generator = torch.Generator().manual_seed(7)
    shapes = {"weight": (4, 3), "bias": (4,), "scale": ()}
    return {name: nn.Parameter(torch.randn(s, generator=generator).double()) for name, s in shapes.items()}


def trained(make, options, steps, groups=None):
    """Parameters, and an optimizer that has taken some steps with random gradients."""
    params = parameters()
    optimizer = make(params.values() if groups is None else groups(params), **options)
    for seed in range(steps):
        for name, g in drawn(params, seed).items():
            params[name].grad = g
        optimizer.step()
    return params, optimizer


def really_stepped(params, optimizer, gradient):
    """The parameters after the step that a copy takes."""
    optimizer, params = copy.deepcopy((optimizer, params))
    for name, p in params.items():
        p.grad = gradient[name].clone()
    optimizer.step()
    return {name: p.detach() for name, p in params.items()}


def assert_same(found, expected, tolerance):
    assert set(found) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_look_ahead_is_the_step(name, steps):
    params, optimizer = trained(*SETTINGS[name], steps)
    gradient = drawn(params, 99)
    assert_same(look_ahead(optimizer, params, gradient), really_stepped(params, optimizer, gradient), 1e-12)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("name", SETTINGS)
def test_without_a_gradient_it_is_the_step_of_a_zero_gradient(name, steps):
    params, optimizer = trained(*SETTINGS[name], steps)
    zeros = {key: torch.zeros_like(p) for key, p in params.items()}
    assert_same(look_ahead(optimizer, params), really_stepped(params, optimizer, zeros), 1e-12)


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_carried_is_the_derivative_of_the_step(name, steps):
    params, optimizer = trained(*SETTINGS[name], steps)
    gradient, v, h = drawn(params, 99), drawn(params, 98), 1e-6

    def at(factor):
        return really_stepped(params, optimizer, {key: g + factor * h * v[key] for key, g in gradient.items()})

    ahead, behind = at(1), at(-1)
    slope = {key: (behind[key] - ahead[key]) / (2 * h) for key in params}  # θ' = θ − S(g)
    assert_same(precondition(v, optimizer, params, gradient), slope, 1e-7)


def test_adamw_decouples_the_decay_where_its_groups_do_not_say_so():
    """As those of PyTorch 2.6, where it is a class of its own."""
    params, optimizer = trained(*SETTINGS["adamw"], 3)
    gradient, v = drawn(params, 99), drawn(params, 98)
    expected = look_ahead(optimizer, params, gradient), precondition(v, optimizer, params, gradient)
    optimizer.param_groups[0].pop("decoupled_weight_decay", None)
    found = look_ahead(optimizer, params, gradient), precondition(v, optimizer, params, gradient)
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other, 0.0)


def test_amsgrad_case_meets_both_kinds_of_coordinates():
    """The derivative above is only tested where some denominators follow the gradient and others stay."""
    params, optimizer = trained(*SETTINGS["amsgrad"], 4)
    gradient = drawn(params, 99)
    follows = [
        0.3 * optimizer.state[p]["exp_avg_sq"] + 0.7 * gradient[name] ** 2 > optimizer.state[p]["max_exp_avg_sq"]
        for name, p in params.items()
    ]
    count = sum(int(f.sum()) for f in follows)
    assert 0 < count < sum(f.numel() for f in follows)


@pytest.mark.parametrize("make", [Adam, AdamW])
def test_before_adams_first_step_a_zero_gradient_is_carried_as_by_sgd(make):
    params, optimizer = trained(make, {"lr": 0.1, "weight_decay": 0.0}, 0)
    v = drawn(params, 1)
    assert_same(precondition(v, optimizer, params), {name: 0.1 * g for name, g in v.items()}, 1e-12)
    assert_same(look_ahead(optimizer, params), {name: p.detach() for name, p in params.items()}, 0.0)


def test_a_coordinate_that_adam_never_saw_a_gradient_of_has_no_say():
    params, optimizer = trained(Adam, {"lr": 0.1}, 0)
    for p in params.values():
        p.grad = torch.ones_like(p)
    params["bias"].grad[1] = 0.0
    optimizer.step()
    found = precondition(drawn(params, 1), optimizer, params)
    assert found["bias"][1] == 0.0
    assert int((found["bias"] == 0).sum()) == 1
    assert all(bool(torch.isfinite(v).all()) for v in found.values())


@pytest.mark.parametrize("name", ["everything", "amsgrad", "adamw"])
def test_nothing_is_changed(name):
    params, optimizer = trained(*SETTINGS[name], 3)
    before = copy.deepcopy((optimizer.state_dict(), {key: (p.detach(), p.grad) for key, p in params.items()}))
    look_ahead(optimizer, params, drawn(params, 5))
    precondition(drawn(params, 6), optimizer, params, drawn(params, 5))
    after = optimizer.state_dict(), {key: (p.detach(), p.grad) for key, p in params.items()}
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_every_group_steps_by_its_own_settings():
    def groups(params):
        return [
            {"params": [params["weight"]], "lr": 0.5, "momentum": 0.9},
            {"params": [params["bias"], params["scale"]], "weight_decay": 0.5},
        ]

    params, optimizer = trained(SGD, {"lr": 0.01}, 3, groups)
    gradient, v = drawn(params, 99), drawn(params, 98)
    assert_same(look_ahead(optimizer, params, gradient), really_stepped(params, optimizer, gradient), 1e-12)
    found = precondition(v, optimizer, params, gradient)
    assert_same(found, {"weight": 0.5 * v["weight"], "bias": 0.01 * v["bias"], "scale": 0.01 * v["scale"]}, 1e-12)


def test_a_parameter_that_the_optimizer_does_not_train_stays_and_is_dropped():
    params, optimizer = trained(Adam, {"lr": 0.1, "eps": 1e-2}, 2, lambda p: [p["weight"], p["scale"]])
    gradient = drawn(params, 9)
    there = look_ahead(optimizer, params, gradient)
    assert torch.equal(there["bias"], params["bias"])
    assert not torch.equal(there["weight"], params["weight"])
    assert set(precondition(drawn(params, 1), optimizer, params, gradient)) == {"weight", "scale"}
    assert trains(optimizer, params)
    assert not trains(optimizer, {"bias": params["bias"]})


def test_names_missing_from_gradient_or_direction():
    params, optimizer = trained(SGD, {"lr": 0.1}, 0)
    there = look_ahead(optimizer, params, {"bias": torch.ones(4).double()})
    torch.testing.assert_close(there["bias"], params["bias"].detach() - 0.1)
    assert torch.equal(there["weight"], params["weight"])
    assert set(precondition({"bias": torch.ones(4).double()}, optimizer, params)) == {"bias"}


def test_the_results_record_no_graph():
    params, optimizer = trained(Adam, {"lr": 0.1}, 1)
    found = [*look_ahead(optimizer, params).values(), *precondition(drawn(params, 1), optimizer, params).values()]
    assert not any(t.requires_grad for t in found)


def test_an_unknown_optimizer_is_plain_sgd_and_said_so_once(monkeypatch):
    monkeypatch.setattr(step, "_warned", set())
    params, optimizer = trained(RMSprop, {"lr": 0.25}, 1)
    v = drawn(params, 1)
    with pytest.warns(UserWarning, match="RMSprop") as seen:
        found = precondition(v, optimizer, params, drawn(params, 2))
    assert len(seen) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        precondition(v, optimizer, params)
        look_ahead(optimizer, params)
    assert_same(found, {name: 0.25 * g for name, g in v.items()}, 1e-12)


def test_a_subclass_with_a_step_of_its_own_is_unknown(monkeypatch):
    class Doubled(SGD):
        def step(self, closure=None):
            super().step(closure)
            return super().step(closure)

    monkeypatch.setattr(step, "_warned", set())
    params = parameters()
    with pytest.warns(UserWarning, match="Doubled"):
        look_ahead(Doubled(params.values(), lr=0.1), params)


@pytest.mark.parametrize("unhooked", [True, False])
def test_a_subclass_that_inherits_its_step_is_known(unhooked, monkeypatch):
    """Torch wraps the step of the first class that it makes an object of, be it the subclass or SGD itself."""
    SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    if unhooked:
        monkeypatch.setattr(SGD, "step", SGD.step.__wrapped__)

    class Named(SGD):
        pass

    params = parameters()
    optimizer = Named(params.values(), lr=0.1, weight_decay=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        there = look_ahead(optimizer, params)
    torch.testing.assert_close(there["bias"], 0.95 * params["bias"].detach())
