"""One Reweigher through many batches: its alignments, gradients and words at each, beside the loop over examples."""

import copy
import warnings
from typing import NamedTuple

import torch

from reference import gradients, loop_alignments, loop_clean_direction, trained
from reweigh import L2RW, Reweigher
from reweigh.errors import EngineRefused


class Seen(NamedTuple):
    """A batch: how far alignments and gradients were off, relative to the largest, and the engine, or the refusal."""

    off: float
    gradients: float
    engine: str
    said: str


def through(model, loss, clean, batches, *, how="backward", engine="auto", lr=0.1, before=lambda model, k: None):
    """What was seen of each batch; `before(model, k)` changes things before batch k; `how` is "weigh" or "backward"."""
    reweigher = Reweigher(model, loss, rule=L2RW(), clean=[clean], engine=engine)
    seen = []
    for k, batch in enumerate(batches):
        before(model, k)
        state, again = torch.get_rng_state(), copy.deepcopy(model)
        direction = loop_clean_direction(copy.deepcopy(model), loss, clean)
        torch.set_rng_state(state)
        truth = loop_alignments(copy.deepcopy(model), loss, batch, direction)
        torch.set_rng_state(state)
        model.zero_grad()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                weights = getattr(reweigher, how)(batch)
            except EngineRefused as refused:
                seen.append(Seen(0.0, 0.0, "refused", str(refused)))
                continue
        far = 0.0
        if how == "backward":
            torch.set_rng_state(state)
            far = _far(trained(model), gradients(again, (loss(again, batch) * weights.weights.detach()).sum()))
        seen.append(Seen(off(reweigher.report.alignments, truth), far, _engine(reweigher), _told(caught)))
        with torch.no_grad():
            for p, g in zip(trained(model).values(), direction.values(), strict=True):
                p -= lr * g / max(1.0, float(g.norm()))
    return seen


def off(found, truth):
    """The largest difference beside the largest true value."""
    scale = float(truth.abs().max())
    return float((found.double() - truth.double()).abs().max()) / max(scale, 1e-300)


def _far(params, expected):
    pairs = [(torch.zeros_like(e) if (p := params[n]).grad is None else p.grad, e) for n, e in expected.items()]
    return off(*(torch.cat([pair[k].to_dense().flatten() for pair in pairs]) for k in (0, 1)))


def _engine(reweigher):
    return reweigher.explain().splitlines()[0].rpartition("uses ")[2]


def _told(caught):
    return " ".join(str(w.message) for w in caught)


def worst(seen):
    """The largest deviation of alignments or gradients."""
    return max(max(batch.off, batch.gradients) for batch in seen)
