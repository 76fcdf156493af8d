"""Alignments: what the loop over examples gives, or a refusal that helps."""

import pytest
import torch

import reference
from laws.bounds import ENGINES, STEP, asked, assert_close, bound, is_exact, truth
from reweigh import alignments
from reweigh.errors import EngineRefused
from zoo import Case


def agrees_with_the_loop(case: Case, engine: str, dtype: torch.dtype) -> None:
    """One number an example, as a backward pass for each example alone would give it."""
    found, expected = asked(case, engine, dtype), truth(case, dtype)
    assert found.dtype == dtype
    assert not found.requires_grad
    allowed = bound(case, engine, dtype)
    if not is_exact(case, engine):
        allowed += rounding(case, dtype) / float(expected.abs().max())
    assert_close(found, expected, allowed)


def rounding(case: Case, dtype: torch.dtype) -> float:
    """How far off a difference quotient is if each of its two losses is off by one unit in the last place."""
    scene = case.build(dtype=dtype)
    direction = reference.random_direction(scene.model)
    losses = scene.per_example_loss(reference.bare(scene.model), scene.train)
    norm = float(reference.dot(direction, direction)) ** 0.5
    return torch.finfo(dtype).eps * float(losses.abs().max()) * norm / STEP[dtype]


def adjoint_identity(case: Case, engine: str) -> None:
    """Any weighted sum of the alignments is the directional derivative that ONE ordinary backward pass gives."""
    found, twin = asked(case, engine), case.build()
    direction = reference.random_direction(twin.model)
    torch.manual_seed(1)
    losses = twin.per_example_loss(reference.bare(twin.model), twin.train)
    for seed in range(3):
        c = torch.randn(len(losses), generator=torch.Generator().manual_seed(seed)).to(losses)
        summed = reference.dot(reference.gradients(twin.model, (c * losses).sum(), case.by_backward), direction)
        off = float((c * found).sum() - summed) / float((c * found).abs().sum())
        assert abs(off) <= 2 * bound(case, engine), f"the two sides differ by {off:.1e}"


def refuses_and_recommends(case: Case, engine: str) -> None:
    """The refusal blames the right layer, and the engine that it recommends does get this model right."""
    scene = case.build()
    direction = reference.random_direction(scene.model)
    with pytest.raises(EngineRefused, match=case.refused_by[engine]) as refused:
        alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    others = [other for other in ENGINES if other not in case.refused_by and other != "auto"]
    named = [other for other in ENGINES if f"engine='{other}'" in str(refused.value).replace('"', "'")]
    assert bool(named) == bool(others), f"{refused.value!s} recommends {named}, what works is {others}"
    for other in named:
        agrees_with_the_loop(case, other, torch.float64)
