"""The reference itself, held against what is known by other means: a truth that is wrong would prove nothing."""

import pytest
import torch

import laws
import reference
from zoo import CASES, named

SMOOTH = named("mlp", "batchnorm2d-train", "tied-language-model", "gru-bidirectional", "encoder-layer-train", "ctc")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_building_twice_gives_the_same_scene(case):
    one, two = case.build(), case.build()
    assert one.model is not two.model
    for left, right in zip(one.model.parameters(), two.model.parameters(), strict=True):
        assert torch.equal(left, right)
        assert left.data_ptr() != right.data_ptr()
    torch.manual_seed(0)
    first = one.per_example_loss(reference.bare(one.model), one.train)
    torch.manual_seed(0)
    assert torch.equal(first, two.per_example_loss(reference.bare(two.model), two.train))
    assert first.shape == (6,)
    assert two.per_example_loss(reference.bare(two.model), two.clean).shape == (5,)


@pytest.mark.parametrize("case", SMOOTH, ids=str)
def test_the_loop_is_the_slope_of_the_losses(case):
    """A central difference by Richardson's rule, written without the library."""
    scene = case.build()
    direction = reference.random_direction(scene.model)
    params = {name: p.detach() for name, p in reference.trained(scene.model).items()}

    def difference(h):
        moved = [{n: p + s * h * direction[n] for n, p in params.items()} for s in (1, -1)]
        ahead, behind = (reference.losses_at(scene.model, scene.per_example_loss, at, scene.train) for at in moved)
        return (ahead - behind).detach() / (2 * h)

    slope = (4 * difference(5e-5) - difference(1e-4)) / 3
    laws.assert_close(reference.loop_alignments(*scene[:3], direction), slope, 1e-8)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_written_out_steps_are_torchs_steps(make):
    (case,) = named("mlp")
    scene = case.build()
    params = reference.trained(scene.model)
    optimizer = make(params.values())
    for step in range(4):
        optimizer.zero_grad()
        scene.per_example_loss(scene.model, scene.train).mean().backward()
        grads = {name: p.grad.clone() for name, p in params.items()}
        before = {name: p.detach().clone() for name, p in params.items()}
        expected = None
        if step:  # Adam has moments to start from
            state = {name: optimizer.state[p] for name, p in params.items()}
            expected = by_hand(optimizer, state, step)(before, grads)
        optimizer.step()
        for name in expected or ():
            torch.testing.assert_close(expected[name], params[name].detach(), rtol=1e-13, atol=1e-13)


def by_hand(optimizer, state, taken):
    group = optimizer.param_groups[0]
    if isinstance(optimizer, torch.optim.SGD):
        buffers = {name: s["momentum_buffer"] for name, s in state.items() if s.get("momentum_buffer") is not None}
        keys = ("lr", "momentum", "dampening", "weight_decay", "nesterov")
        return reference.sgd_step(**{key: group[key] for key in keys}, buffers=buffers)
    moments = [{name: s[key] for name, s in state.items()} for key in ("exp_avg", "exp_avg_sq")]
    keys = ("lr", "betas", "eps", "weight_decay")
    decoupled = isinstance(optimizer, torch.optim.AdamW)
    options = {key: group[key] for key in keys}
    return reference.adam_step(**options, first=moments[0], second=moments[1], taken=taken, decoupled=decoupled)
