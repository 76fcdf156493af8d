"""Is an engine right for this model? Asked of the ordinary backward pass.

The adjoint identity: for random c, the engine's Σ c_i a_i must equal ⟨∇Σ c_i ℓ_i, v⟩, which one ordinary backward pass
gives. It catches what raises no error: an operation that differentiates wrongly in one mode, a parameter that is used
behind the module's back, examples that a layer mixes.

Three things make a check worth something.

- **It is balanced.** Along the clean direction a layer may count for next to nothing today and for everything tomorrow (a
  head that starts at zero lets no signal through to the layers below it). So an exact engine is asked along a direction of
  the check's own, made from h = ∇Σ c_i ℓ_i such that every parameter has the same share: u_p = h_p/‖h_p‖², ⟨h, u⟩ = P.
- **It knows what it has not seen.** A parameter with h_p = 0 is `silent`: nothing was proven of it. Where there is one, the
  identity is asked for once more with the parameters moved a little, where a zero is no zero; what is silent there too is
  told to the caller.
- **Arithmetic sets the tolerance.** What an engine is off by is compared with what rounding the parameters alone changes,
  where the usual tolerance does not suffice; TF32 is off while a check is made.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh import sharded
from reweigh._types import Params
from reweigh.alignment.arithmetic import allowed, elsewhere, full_precision, roughest, rounded
from reweigh.alignment.blame import Off, located, told
from reweigh.alignment.engine import Engine
from reweigh.alignment.shared_pass import APART, asked, compared
from reweigh.alignment.truth import TooLarge, Truth, Undecided, along, balanced, off_along, product, truth_of
from reweigh.as_found import moved, preserve_module_state, substituted
from reweigh.distributed import largest
from reweigh.student import EngineTask, Student

_NOISE = 8
"""An engine may be off by so many times what rounding alone changes."""
_MOST_NOISE = 0.1
_PROBES = 4
_ROUGH = 4
"""Differences may be off by so many times what other steps give otherwise."""
_ALONE = 2
"""And by so many times the most, with a warning, where there is nothing else to go on with."""


class Finding(NamedTuple):
    """What a check has found of an engine that passed.

    Attributes:
        told: a sentence with the deviation.
        silent: the parameters that no signal reached.
        faint: those with so little that it may be noise.
        shares: whether the engine's shared pass may serve training; None where that was not asked.
        shared_told: a sentence on that.
    """

    told: str
    silent: frozenset[str] = frozenset()
    faint: frozenset[str] = frozenset()
    shares: bool | None = None
    shared_told: str = ""


def check(
    engine: Engine,
    task: EngineTask,
    direction: Params,
    *,
    share: bool = False,
    draw: int = 0,
    move: bool = True,
    truth: Truth | None = None,
    locate: bool = True,
) -> Finding:
    """The adjoint identity for random c, and with `share` whether the engine's shared pass gives the same gradients.

    Args:
        engine: to be asked.
        task: the batch under the model, left as found.
        direction: v; an engine that is not exact is asked along it, an exact one along a balanced direction.
        share: ask for the shared pass too.
        draw: which random c.
        truth: what `truth_of` has found for this draw, where it has been asked.
        move: ask once more with the parameters moved, where something was not proven.
        locate: look for the layer, where the engine is wrong.

    Raises:
        Disagrees: if the engine and the ordinary backward pass disagree; names the layer.
        Undecided: if this batch cannot tell.
    """
    with full_precision():
        with located(engine, task, locate):
            finding = _at(engine, task, direction, share, draw, truth)
        if move and engine.exact and (finding.silent or finding.faint or _has_zeros(task)):
            with _moved(task) as other:
                try:
                    with located(engine, other, locate):
                        there = _at(engine, other, direction, False, draw)
                except Undecided:
                    return finding
            finding = finding._replace(silent=finding.silent & there.silent)
    return finding


def hold(
    engine: Engine,
    task: EngineTask,
    direction: Params,
    alignments: Tensor,
    truth: Truth,
    draw: int,
    *,
    others: bool = False,
) -> str:
    """The identity for alignments that a step has worked out anyway, by what `truth_of` found before the step's pass.

    Where there are `others` to go on with, rough differences are refused; else told, in a sentence, which is empty usually.

    Raises:
        Disagrees: likewise; `Undecided` if this batch cannot tell.
    """
    tangents = task.tangents(direction)
    expected = along(truth.h, tangents)
    if task.anywhere(not bool(torch.isfinite(alignments).all())):
        raise Undecided
    norm = alignments.double().norm()
    size = max(abs(expected), float(largest(norm) if task.sharded else norm))
    if not size:
        raise Undecided
    off = abs(truth.sum_of(alignments) - expected) / size
    limit = allowed(truth.dtype, engine.exact)
    if off > limit:
        limit = max(limit, _noise(task, truth, draw, lambda h: abs(along(h, tangents) - expected) / size))
    if off > limit and not engine.exact:
        limit = max(limit, _roughness(engine, task, tangents, alignments, truth.dtype))
        if not others and limit < off <= _ALONE * roughest(truth.dtype):
            return _rough(engine, off, truth.dtype)
    if off > limit:
        with located(engine, task, True):
            raise Off([truth], off, limit, balanced(truth))
    return ""


def _at(
    engine: Engine, task: EngineTask, direction: Params, share: bool, draw: int, truth: Truth | None = None
) -> Finding:
    if not engine.exact:
        return _along_direction(engine, task, direction, share, draw)
    truth = truth_of(task, draw) if truth is None else truth
    u = balanced(truth)
    expected = float(len(u))
    alignments, shared = asked(engine, task, u, truth.c, share)
    found = truth.sum_of(alignments) / truth.unit
    if task.student.scaled and not math.isfinite(found):
        raise TooLarge
    off, limit = abs(found - expected) / expected, allowed(truth.dtype, True)
    if not off <= limit:
        limit = max(limit, _noise(task, truth, draw, lambda h: _change(h, u, truth) / expected))
    if not off <= limit:
        raise Off([truth], off, limit, u)
    silent = frozenset(name for name in task.chosen if not truth.norms.get(name))
    faint = frozenset(truth.norms.keys() - u.keys()) - silent
    shares_too, shared_told = compared(shared, truth) if share else (None, "")
    return Finding(
        f"{engine!r}: the adjoint identity holds {told(off, limit, truth.dtype)}",
        silent,
        faint,
        shares_too,
        shared_told,
    )


def _along_direction(engine: Engine, task: EngineTask, direction: Params, share: bool, draw: int) -> Finding:
    """As `_at` for an engine that is not exact: along v, or h where v is zero, since its step must suit the direction; and
    by several draws, since what is allowed is less far from what is wrong.
    """
    truths = [truth_of(task, _PROBES * draw + k) for k in range(_PROBES)]
    tangents = task.tangents(direction)
    if not all(sharded.finite(v) for v in tangents.values()):
        raise Undecided
    if not any(sharded.anything(v) for v in tangents.values()):
        tangents = truths[0].h
    alignments = engine.alignments(task, tangents)
    off, limit = off_along(truths, tangents, alignments), allowed(truths[0].dtype, False)
    if not off <= limit:
        limit = max(limit, _roughness(engine, task, tangents, alignments, truths[0].dtype))
    if not off <= limit:
        raise Off(truths, off, limit, tangents)
    return Finding(
        f"{engine!r}: the adjoint identity holds {told(off, limit, truths[0].dtype)}",
        shares=False if share else None,
        shared_told=APART,
    )


def _roughness(engine: Engine, task: EngineTask, tangents: Params, alignments: Tensor, dtype: torch.dtype) -> float:
    """What differences may be off by, as far as other steps give something else."""
    return min(_ROUGH * engine.roughness(task, tangents, alignments), roughest(dtype))


def _rough(engine: Engine, off: float, dtype: torch.dtype) -> str:
    return (
        f"engine {engine.name!r} is off by {off:.1e} at this batch, where {allowed(dtype, False):.0e} is usual: differences "
        "have become rough (kinks of the network, losses close to zero), and the weights with them"
    )


def _change(h: Params, u: Params, truth: Truth) -> float:
    """How far other gradients are from h along u, parameter by parameter, so that they do not cancel."""
    return sum(abs(product(h[n], u[n]) / truth.unit - 1) if n in h else 1.0 for n in u)


def _noise(task: EngineTask, truth: Truth, draw: int, change: Callable[[dict[str, Tensor]], float]) -> float:
    """What an exact engine may be off by, as far as rounding the parameters changes the truth itself."""
    generator = torch.Generator().manual_seed(draw)
    near = {name: rounded(p, truth.dtype, generator) for name, p in task.parameters.items()}
    try:
        with _with(task, near) as other:
            return min(_NOISE * change(truth_of(other, draw).h), _MOST_NOISE)
    except Undecided:
        return 0.0


@contextmanager
def _moved(task: EngineTask) -> Iterator[EngineTask]:
    """The task with every trained parameter a little elsewhere."""
    generator = torch.Generator().manual_seed(0)
    away = {name: elsewhere(p, generator) for name, p in task.parameters.items() if p.requires_grad}
    with _with(task, away) as other:
        yield other


@contextmanager
def _with(task: EngineTask, params: dict[str, Tensor]) -> Iterator[EngineTask]:
    """The same batch under the same model with other parameters."""
    others = moved(task.walk, params) if task.sharded else substituted(task.walk, params)
    with preserve_module_state(task.walk), others:
        yield Student(task.model, task.per_example_loss, task.layers, per=task.per).on(task.batch)


def _has_zeros(task: EngineTask) -> bool:
    """Whether a factor or a matrix is zero; vectors of zeros are biases, or what lies before them is silent."""
    matrices = [p for p in task.parameters.values() if p.requires_grad and p.ndim != 1]
    return not all(sharded.anything(p) for p in matrices)
