"""Whatever changes between steps, a recorded pass gives what Python would have given at that step."""

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from reweigh import L2RW, Reweigher

STEPS, CHANGE = 24, 17
"""Steps in all, and the first at which something is otherwise; no engine is checked there, and no pass made both ways."""
SHARPNESS = 1.0
SETTINGS = {"sharpness": 1.0, "deep": {"sharpness": 1.0}}


class Net(nn.Module):
    """Two layers, with a number of its own between them."""

    gain = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 8), nn.Linear(8, 3)
        self.normed, self.drop = nn.BatchNorm1d(8, affine=False, track_running_stats=True), nn.Dropout(0.3)
        self.scale, self.options = 1.0, {"scale": 1.0}

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x) * self.scale * self.options["scale"] * self.gain)
        return self.second(self.drop(self.normed(x)))


def plain_loss(model: nn.Module, batch: Any) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


class Scene:
    """A loop that is about to train: what a change may lay hands on."""

    def __init__(self, capture: str, loss: Callable[..., Tensor] = plain_loss, **how: Any) -> None:
        torch.manual_seed(3)
        self.model = Net().double()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)
        clean = _batch(50, 4)
        self.reweigher = Reweigher(
            self.model, loss, rule=L2RW(), clean=[clean], capture=capture, engine="forward", **how
        )
        self.batches = [_batch(seed) for seed in range(STEPS)]

    def trained(self, change: Callable[["Scene"], None] = lambda scene: None) -> tuple[list[Tensor], dict[str, Tensor]]:
        torch.manual_seed(11)
        weights = []
        for step, batch in enumerate(self.batches):
            if step == CHANGE:
                change(self)
            weights.append(self.step(batch))
        return weights, {name: t.clone() for name, t in self.model.state_dict().items()}

    def step(self, batch: Any) -> Tensor:
        self.optimizer.zero_grad()
        weights = self.reweigher.backward(batch).weights
        self.optimizer.step()
        return weights


def _batch(seed: int, size: int = 6) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(size, 5, generator=draw, dtype=torch.float64),
        "y": torch.randint(3, (size,), generator=draw),
        "id": torch.arange(size) + 10 * seed,
    }


def same(made: Callable[[str], Scene], change: Callable[[Scene], None] = lambda scene: None) -> Scene:
    """Weights and model after all steps are those by Python; the recorded scene."""
    by_python = made("off").trained(change)
    as_at_first()
    scene = made("replay")
    recorded = scene.trained(change)
    for one, other in zip(by_python[0], recorded[0], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-12)
    for name, value in by_python[1].items():
        torch.testing.assert_close(recorded[1][name], value, rtol=1e-9, atol=1e-12, msg=name)
    return scene


def as_at_first() -> None:
    """What is changed outside of a scene."""
    global SHARPNESS
    SHARPNESS, SETTINGS["sharpness"], SETTINGS["deep"]["sharpness"], Net.gain = 1.0, 1.0, 1.0, 1.0


@pytest.fixture(autouse=True)
def _as_before():
    yield
    as_at_first()


def test_nothing_changes_and_all_is_recorded():
    scene = same(Scene)
    told = scene.reweigher.explain()
    assert "made again without Python: the clean gradient, weights and gradient by forward" in told
    assert "is Python's" not in told


def _set(name: str, value: Any) -> Callable[[Scene], None]:
    return lambda scene: setattr(scene.model, name, value)


MODEL = {
    "a number of the model": _set("scale", 1.5),
    "a number in its dictionary": lambda scene: scene.model.options.update(scale=0.5),
    "a number of its class": lambda scene: setattr(Net, "gain", 2.0),
    "evaluation mode": lambda scene: scene.model.eval(),
    "a layer in evaluation mode": lambda scene: scene.model.drop.eval(),
    "a layer's rate": lambda scene: setattr(scene.model.drop, "p", 0.6),
    "momentum of the norm": lambda scene: setattr(scene.model.normed, "momentum", 0.5),
    "a frozen layer": lambda scene: scene.model.first.requires_grad_(False),
    "a layer exchanged": lambda scene: setattr(scene.model, "second", _layer(scene)),
    "a hook": lambda scene: scene.model.first.register_forward_hook(lambda m, i, o: o * 2),
    "a hook before": lambda scene: scene.model.first.register_forward_pre_hook(lambda m, i: (i[0] * 2,)),
    "a hook of a parameter": lambda scene: scene.model.first.weight.register_hook(lambda g: g * 2),
    "another buffer of the same numbers": lambda scene: _exchanged(scene),
    "another state": lambda scene: scene.model.load_state_dict(
        {n: t * 0.5 for n, t in scene.model.state_dict().items()}
    ),
    "memory of a parameter": lambda scene: setattr(
        scene.model.first.weight, "data", scene.model.first.weight.data * 0.5
    ),
    "a buffer bound anew": lambda scene: setattr(
        scene.model.normed, "running_mean", torch.ones(8, dtype=torch.float64)
    ),
    "a forward of its own": lambda scene: setattr(
        scene.model, "forward", types.MethodType(lambda self, x: self.second(torch.relu(self.first(x))), scene.model)
    ),
    "the order of batches": lambda scene: scene.batches.reverse(),
    "the generator": lambda scene: torch.manual_seed(99),
    "the learning rate": lambda scene: scene.optimizer.param_groups[0].update(lr=0.2),
}


def _exchanged(scene: Scene) -> None:
    scene.model.normed.running_mean = scene.model.normed.running_mean.clone()[None].expand(2, 8)[0]


def _layer(scene: Scene) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(8)
        layer = nn.Linear(8, 3).double()
    scene.optimizer.add_param_group({"params": layer.parameters()})
    return layer


@pytest.mark.parametrize("what", MODEL)
def test_the_model_changes(what):
    same(Scene, MODEL[what])


def _sharper(scene: Scene) -> None:
    global SHARPNESS
    SHARPNESS = 2.0


def _of_global(model: nn.Module, batch: Any) -> Tensor:
    return plain_loss(model, batch) ** SHARPNESS


def _helped() -> float:
    return SHARPNESS


def _of_helper(model: nn.Module, batch: Any) -> Tensor:
    return plain_loss(model, batch) ** _helped()


def _of_dictionary(model: nn.Module, batch: Any) -> Tensor:
    return plain_loss(model, batch) ** SETTINGS["sharpness"]


def _of_deep_dictionary(model: nn.Module, batch: Any) -> Tensor:
    return plain_loss(model, batch) ** SETTINGS["deep"]["sharpness"]


GLOBAL = {
    "a global": (_of_global, _sharper),
    "a global of a helper": (_of_helper, _sharper),
    "a dictionary": (_of_dictionary, lambda scene: SETTINGS.update(sharpness=2.0)),
    "a dictionary in another": (_of_deep_dictionary, lambda scene: SETTINGS["deep"].update(sharpness=2.0)),
}


@pytest.mark.parametrize("what", GLOBAL)
def test_what_the_loss_finds_in_its_module_changes(what):
    loss, change = GLOBAL[what]
    same(functools.partial(Scene, loss=loss), change)


class Criterion:
    """A loss with numbers of its own."""

    def __init__(self) -> None:
        self.sharpness, self.options, self.inner = 1.0, [1.0], types.SimpleNamespace(sharpness=1.0)
        self.of_class = torch.ones(3, dtype=torch.float64)

    def __call__(self, model: nn.Module, batch: Any) -> Tensor:
        weighed = plain_loss(model, batch) * self.of_class[batch["y"]]
        return weighed ** (self.sharpness * self.options[0] * self.inner.sharpness)

    def method(self, model: nn.Module, batch: Any) -> Tensor:
        return self(model, batch)


CRITERION: dict[str, Callable[[Criterion], None]] = {
    "an attribute": lambda loss: setattr(loss, "sharpness", 2.0),
    "a list": lambda loss: loss.options.__setitem__(0, 2.0),
    "an attribute of another object": lambda loss: setattr(loss.inner, "sharpness", 2.0),
    "a tensor in place": lambda loss: loss.of_class.mul_(torch.tensor([1.0, 2.0, 3.0])),
    "a tensor bound anew": lambda loss: setattr(loss, "of_class", torch.tensor([1.0, 2.0, 3.0]).double()),
}


@pytest.mark.parametrize("called", ["object", "method", "partial"])
@pytest.mark.parametrize("what", CRITERION)
def test_what_a_criterion_holds_changes(what, called):
    def made(capture: str) -> Scene:
        loss = Criterion()
        calls = {"object": loss, "method": loss.method, "partial": functools.partial(loss)}
        scene = Scene(capture, calls[called])
        scene.loss = loss  # type: ignore[attr-defined]
        return scene

    same(made, lambda scene: CRITERION[what](scene.loss))  # type: ignore[attr-defined]


def test_a_closure_counts_epochs():
    def made(capture: str) -> Scene:
        epoch = 1

        def loss(model: nn.Module, batch: Any) -> Tensor:
            return plain_loss(model, batch) * epoch

        def grow(scene: Scene) -> None:
            nonlocal epoch
            epoch += 1

        scene = Scene(capture, loss)
        scene.grow = grow  # type: ignore[attr-defined]
        return scene

    same(made, lambda scene: scene.grow(scene))  # type: ignore[attr-defined]


def test_what_cannot_be_seen_is_found_by_comparison_and_said():
    """Numbers in an array of NumPy's: no tensor, no binding."""

    def made(capture: str) -> Scene:
        numbers = np.ones(1)
        scene = Scene(capture, lambda model, batch: plain_loss(model, batch) * torch.from_numpy(numbers.copy()))
        scene.numbers = numbers  # type: ignore[attr-defined]
        return scene

    scene = made("replay")
    scene.batches = scene.batches * 2
    with pytest.warns(UserWarning, match=r"came out otherwise than one by Python.*pass it in the batch"):
        scene.trained(lambda scene: scene.numbers.fill(3.0))  # type: ignore[attr-defined]
    assert "is Python's: made again without Python it came out otherwise" in scene.reweigher.explain()


def test_numbers_that_change_at_every_step_are_never_recorded():
    def made(capture: str) -> Scene:
        loss = Criterion()

        def counting(model: nn.Module, batch: Any) -> Tensor:
            return loss(model, batch)

        scene = Scene(capture, counting)
        before = scene.step

        def step(batch: Any) -> Tensor:
            loss.sharpness += 0.01
            return before(batch)

        scene.step = step  # type: ignore[method-assign]
        return scene

    scene = same(made)
    assert "an attribute of a Criterion is another at each step" in scene.reweigher.explain()


def test_gradients_are_added_to_those_that_are_there():
    def made(capture: str) -> Scene:
        scene = Scene(capture)
        seen = []

        def step(batch: Any) -> Tensor:
            weights = scene.reweigher.backward(batch).weights
            seen.append(weights)
            if len(seen) % 3 == 0:
                scene.optimizer.step()
                scene.optimizer.zero_grad(set_to_none=len(seen) % 2 == 0)
            return weights

        scene.step = step  # type: ignore[method-assign]
        return scene

    same(made)


def test_sizes_that_come_and_go():
    def made(capture: str) -> Scene:
        scene = Scene(capture)
        scene.batches = [_batch(seed, (6, 6, 4, 6, 5)[seed % 5]) for seed in range(3 * STEPS)]
        return scene

    assert "made again without Python" in same(made).reweigher.explain()


def test_sizes_that_are_others_at_every_step_do_not_pay():
    scene = Scene("replay")
    scene.batches = [_batch(seed, 3 + seed % 40) for seed in range(240)]
    scene.trained()
    assert "pad batches to a few shapes" in scene.reweigher.explain()


def test_a_number_that_is_not_finite_is_named_and_changes_nothing():
    from reweigh.errors import NonFinite

    scene = Scene("replay")
    scene.batches = scene.batches[:14]
    scene.trained()
    before, bad = copy.deepcopy(scene.model.state_dict()), _batch(70)
    bad["x"][2] = torch.nan
    generator = torch.get_rng_state()
    with pytest.raises(NonFinite, match="702"):
        scene.step(bad)
    assert all(torch.equal(value, before[name]) for name, value in scene.model.state_dict().items())
    assert all(p.grad is None for p in scene.model.parameters())
    assert torch.equal(generator, torch.get_rng_state())
    scene.step(_batch(71))


@pytest.mark.parametrize("around", ["the step", "the loss"])
def test_half_precision(around):
    """Autocast makes parameters in half precision of those in single, and keeps them for a while."""

    def loss(model: nn.Module, batch: Any) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=around == "the loss"):
            return plain_loss(model, batch)

    def made(capture: str) -> Scene:
        scene = Scene(capture, loss)
        scene.model.float()
        scene.batches = [{**batch, "x": batch["x"].float()} for batch in scene.batches]
        scene.reweigher.prepare_clean(lambda batch: {**batch, "x": batch["x"].float()})
        before = scene.step

        def step(batch: Any) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=around == "the step"):
                return before(batch)

        scene.step = step  # type: ignore[method-assign]
        return scene

    by_python, scene = made("off").trained(), made("replay")
    recorded = scene.trained()
    assert "is Python's" not in scene.reweigher.explain()
    for one, other in zip(by_python[0], recorded[0], strict=True):
        torch.testing.assert_close(other, one, rtol=1e-2, atol=2e-2)


def test_a_copy_records_anew():
    scene = Scene("replay")
    scene.trained()
    twin = copy.deepcopy(scene.reweigher)
    assert "nothing is recorded yet" in twin.explain()


def test_a_generator_of_its_own_is_left_to_python():
    def made(capture: str) -> Scene:
        draw = torch.Generator().manual_seed(1)

        def loss(model: nn.Module, batch: Any) -> Tensor:
            noise = torch.randn(batch["x"].shape, generator=draw, dtype=torch.float64)
            return plain_loss(model, {**batch, "x": batch["x"] + 0.1 * noise})

        return Scene(capture, loss)

    assert "it draws from a generator of its own" in same(made).reweigher.explain()


def test_large_tensors_are_left_to_python():
    scene = Scene("replay")
    scene.batches = [_batch(seed, 40_000) for seed in range(12)]
    scene.trained()
    assert "are so large that Python takes next to nothing" in scene.reweigher.explain()
