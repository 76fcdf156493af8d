"""How exact is exact, and who is asked.

"ghost", "forward" and "double" evaluate the same derivative as the loop over examples, only in another
order, so what is allowed is rounding: 1e-10 and 1e-4 of the largest alignment in float64 and float32, about a
million and a thousand units in the last place. "finite" is a central difference along h v with ||h v|| = 1e-5 (float64)
or 5e-4 (float32). It truncates, by 1e-6 and 5e-3 at most on these models (where a case says `curved`, more); and it
divides the rounding of the losses by h, which is eps * loss * ||v|| / ||h v|| whatever the alignment is: a direction at
right angles to the gradient, as random ones nearly are, makes that large beside it. "auto" takes the cheapest engine
that works, ghost before forward before finite before double, and is held to what that can do.
"""

import functools
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor

import reference
from reweigh import alignments
from zoo import CASES, Case

ENGINES = ("ghost", "forward", "finite", "double", "auto")
EXACT = {torch.float64: 1e-10, torch.float32: 1e-4}
STEP = {torch.float64: 1e-5, torch.float32: 5e-4}


def is_exact(case: Case, engine: str) -> bool:
    """Whether no difference quotient is taken: where ghost and forward are refused, "auto" goes on to finite."""
    return engine in ("ghost", "forward", "double") or (
        engine == "auto" and (not {"ghost", "forward"} <= set(case.refused_by) or "finite" in case.refused_by)
    )


def bound(case: Case, engine: str, dtype: torch.dtype = torch.float64) -> float:
    """The largest error allowed, as a share of the largest true value, rounding of differences apart."""
    if is_exact(case, engine):
        return EXACT[dtype]
    return 1e-6 if dtype == torch.float64 else case.curved


def pairs(cases: Iterable[Case] = CASES, engines: Iterable[str] = ENGINES) -> list[Any]:
    """(case, engine) wherever the engine is expected to work, with readable ids."""
    return [pytest.param(c, e, id=f"{c}-{e}") for c in cases for e in engines if e not in c.refused_by]


def distinct_pairs(cases: Iterable[Case], engines: Iterable[str] = ENGINES) -> list[Any]:
    """As `pairs`, with "auto" only where it does not simply take the first: for laws about weights, to save time."""
    engines = tuple(engines)
    return [pair for c in cases for pair in pairs([c], distinct(c, engines))]


def distinct(case: Case, engines: Iterable[str]) -> list[str]:
    """The engines, with "auto" only where it does not simply take the first."""
    return [e for e in engines if e != "auto" or "ghost" in case.refused_by]


def sharing_pairs(cases: Iterable[Case], few: Iterable[Case]) -> list[Any]:
    """For laws about training steps: the engines with a pass to share, and "auto"; the others do the same for all models,
    so that the few are enough.
    """
    few = set(few)
    return distinct_pairs(cases, ("ghost", "forward", "auto")) + pairs(sorted(few, key=str), ("finite", "double"))


def the_rest_slow(usual: list[Any], thorough: list[Any]) -> list[Any]:
    """The usual pairs, and what there is beside them as a longer check."""
    seen = {pair.id for pair in usual}
    return usual + [pytest.param(*p.values, id=p.id, marks=pytest.mark.slow) for p in thorough if p.id not in seen]


def refusals() -> list[Any]:
    """(case, engine) wherever the engine is expected to refuse."""
    return [pytest.param(c, e, id=f"{c}-{e}") for c in CASES for e in c.refused_by]


def error(found: Tensor, truth: Tensor) -> float:
    """The largest difference as a share of the largest true value."""
    assert found.shape == truth.shape, f"shape {tuple(found.shape)}, not {tuple(truth.shape)}"
    largest = float(truth.double().abs().max())
    assert largest > 0, "a truth of zeros would be met by anything that does nothing"
    return float((found.double() - truth.double()).abs().max()) / largest


def assert_close(found: Tensor, truth: Tensor, allowed: float) -> None:
    off = error(found, truth)
    assert off <= allowed, f"off by {off:.1e} of the largest value, {allowed:.0e} allowed:\n{found}\n{truth}"


def assert_same_weights(found: Tensor, truth: Tensor, allowed: float) -> None:
    """As `assert_close`; where no example is to get weight, none may have any."""
    if bool(truth.any()):
        assert_close(found, truth, allowed)
    else:
        assert not found.any(), found


def asked(case: Case, engine: str, dtype: torch.dtype = torch.float64) -> Tensor:
    """The engine's alignments along a random direction."""
    scene = case.build(dtype=dtype)
    direction = reference.random_direction(scene.model)
    torch.manual_seed(1)
    return alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)


@functools.cache
def truth(case: Case, dtype: torch.dtype) -> Tensor:
    """What `asked` must find, by the loop over examples on a twin."""
    twin = case.build(dtype=dtype)
    direction = reference.random_direction(twin.model)
    torch.manual_seed(1)
    return reference.loop_alignments(*twin[:3], direction, by_backward=case.by_backward)
