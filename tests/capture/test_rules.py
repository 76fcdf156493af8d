"""Every kind of rule weighs and learns by recorded passes as it does by Python."""

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

import laws.captured as captured
from reweigh import L2RW, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.alignment import by_capture
from reweigh.rules import ClassAwareWeightNet, RandomRectified, Rule, SmallLoss, SmoothedL2RW, Uniform
from zoo import named
from zoo.case import CLASSES

MADE: dict[str, tuple[Callable[[], Rule], dict[str, Any]]] = {
    "L2RW": (L2RW, {}),
    "L2RW through the optimizer": (L2RW, {"looks_ahead": True}),
    "clean gradients averaged": (L2RW, {"clean_average": 0.9}),
    "a clean gradient for two": (L2RW, {"clean_every": 2}),
    "weight decay": (L2RW, {"clean_weight_decay": 0.1}),
    "some layers": (L2RW, {"preset": "fast"}),
    "smoothed": (SmoothedL2RW, {"ids": lambda batch: torch.arange(len(batch["y"]))}),
    "small loss": (SmallLoss, {}),
    "random": (RandomRectified, {}),
    "uniform": (Uniform, {}),
    "Meta-Weight-Net": (functools.partial(MetaWeightNet, seed=1), {"looks_ahead": True}),
    "virtual": (
        functools.partial(MetaWeightNet, seed=1),
        {"looks_ahead": True, "learning": Learning(look_ahead="virtual")},
    ),
    "three steps back": (
        functools.partial(MetaWeightNet, seed=1),
        {"looks_ahead": True, "learning": Learning(horizon=3)},
    ),
    "class-aware": (functools.partial(ClassAwareWeightNet, [3, 2, 4], 2, seed=1), {"looks_ahead": True}),
    "teacher": (functools.partial(DeepInteraction, CLASSES, seed=1), {"looks_ahead": True}),
}


@pytest.mark.parametrize("case", named("mlp", "batchnorm2d-train", "dropout"), ids=str)
@pytest.mark.parametrize("rule", MADE)
def test_a_rule_weighs_as_by_python(rule, case, monkeypatch):
    monkeypatch.setattr(by_capture, "_LEAST", 0)
    made, how = MADE[rule]
    told = captured.nothing_is_otherwise(case, "auto", made(), made(), **how)
    assert "made again without Python" in told


@pytest.mark.parametrize("capture", ["off", "replay"])
@pytest.mark.parametrize("rule", ["L2RW", "Meta-Weight-Net"])
def test_a_whole_step_is_what_its_parts_are(rule, capture):
    made, how = MADE[rule]
    results = []
    for whole in (False, True):
        scene = named("mlp")[0].build()
        optimizer = torch.optim.SGD(scene.model.parameters(), lr=0.1, momentum=0.9)
        looks = {"optimizer": optimizer} if how else {}
        reweigher = Reweigher(
            scene.model, scene.per_example_loss, rule=made(), clean=[scene.clean], capture=capture, **looks
        )
        for batch in captured.batches(named("mlp")[0]):
            if whole:
                reweigher.step(batch, optimizer, clip_norm=0.5)
                continue
            optimizer.zero_grad()
            reweigher.backward(batch)
            torch.nn.utils.clip_grad_norm_(scene.model.parameters(), 0.5)
            optimizer.step()
            reweigher.after_step()
        results.append(torch.cat([p.detach().flatten() for p in scene.model.parameters()]))
    assert torch.equal(*results)


@pytest.mark.parametrize("case", named("mlp", "dropout", "batchnorm2d-train", "encoder-layer-dropout"), ids=str)
@pytest.mark.parametrize("rule", ["L2RW", "Meta-Weight-Net"])
def test_a_resumed_run_goes_on_bit_for_bit(rule, case):
    """It records anew, after steps by Python that the other run made without."""
    made, how = MADE[rule]

    def begun():
        scene = case.build()
        optimizer = torch.optim.SGD(scene.model.parameters(), lr=0.1, momentum=0.9)
        looks = {"optimizer": optimizer} if how else {}
        arguments = {"rule": made(), "clean": [scene.clean], "capture": "replay", **looks}
        return scene.model, optimizer, Reweigher(scene.model, scene.per_example_loss, **arguments)

    batches = captured.batches(case)
    model, optimizer, reweigher = begun()
    for batch in batches[:11]:
        reweigher.step(batch, optimizer)
    saved = copy.deepcopy([model.state_dict(), optimizer.state_dict(), reweigher.state_dict()])
    generator = torch.get_rng_state()
    weights = [reweigher.step(batch, optimizer).weights for batch in batches[11:]]
    assert "made again without Python" in reweigher.explain()
    other = begun()
    for one, state in zip(other, saved, strict=True):
        one.load_state_dict(state)
    torch.set_rng_state(generator)
    for batch, expected in zip(batches[11:], weights, strict=True):
        assert torch.equal(other[2].step(batch, other[1]).weights, expected)
    for one, two in zip(model.state_dict().values(), other[0].state_dict().values(), strict=True):
        assert torch.equal(one, two)
