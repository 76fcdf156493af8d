"""Passes that are recorded and made again: nothing is otherwise than by Python."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from reweigh import L2RW, Reweigher
from reweigh.rules import Rule
from zoo.case import B, Case, to_dtype

STEPS = 14
"""Three by Python, beside those at which an engine is checked; one recorded, two made both ways, and some made again."""


class Run(NamedTuple):
    """What came of some steps: weights and losses of each, and how model and generator stand afterwards."""

    weights: list[Tensor]
    losses: list[Tensor]
    model: dict[str, Any]
    generator: Tensor
    told: str


def batches(case: Case, dtype: torch.dtype = torch.float64) -> list[Any]:
    """Another batch for each step, of the same shapes."""
    found = []
    with torch.random.fork_rng(devices=[]):
        for seed in range(STEPS):
            torch.manual_seed(100 + seed)
            found.append(tree_map(lambda t: to_dtype(t, dtype), case.sample(B)))
    return found


def run(case: Case, engine: str, capture: str, rule: Rule | None = None, **how: Any) -> Run:
    """Some steps of plain gradient descent by weights."""
    scene = case.build()
    parameters = [p for p in scene.model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-3, momentum=0.5)
    if how.pop("looks_ahead", False):
        how["optimizer"] = optimizer
    reweigher = Reweigher(
        scene.model,
        scene.per_example_loss,
        rule=rule or L2RW(),
        clean=[scene.clean],
        engine=engine,
        capture=capture,
        **how,
    )
    torch.manual_seed(5)
    weights, losses = [], []
    for batch in batches(case):
        optimizer.zero_grad()
        done = reweigher.backward(batch)
        optimizer.step()
        reweigher.after_step()
        weights.append(done.weights)
        losses.append(done.losses)
    state = {name: t.clone() for name, t in scene.model.state_dict().items() if isinstance(t, Tensor)}
    return Run(weights, losses, state, torch.get_rng_state(), reweigher.explain())


def nothing_is_otherwise(
    case: Case,
    engine: str,
    rule: Rule | None = None,
    other: Rule | None = None,
    *,
    capture: str = "replay",
    **how: Any,
) -> str:
    """Weights, losses, parameters, buffers and the generator, to rounding; what was told of the recorded run."""
    by_python, recorded = run(case, engine, "off", rule, **how), run(case, engine, capture, other, **how)
    for one, two in zip(by_python.weights + by_python.losses, recorded.weights + recorded.losses, strict=True):
        torch.testing.assert_close(two, one, rtol=1e-8, atol=1e-9)
    assert by_python.model.keys() == recorded.model.keys()
    for name, value in by_python.model.items():
        torch.testing.assert_close(recorded.model[name], value, rtol=1e-8, atol=1e-9, msg=name)
    assert torch.equal(by_python.generator, recorded.generator)
    return recorded.told
