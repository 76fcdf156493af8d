"""Surface information: what a teacher sees of an example without looking inside the student."""

import math

import torch
from torch import Tensor

from reweigh.rules.rule import Evidence

NAMES = (
    "loss",
    "loss beside the clean loss",
    "margin",
    "entropy",
    "probability of the given label",
    "progress",
    "clean loss",
)
_HALF_WAY = 1000


def surface(evidence: Evidence, total_steps: int | None = None) -> Tensor:
    """The features of `NAMES`, (B, 7), each of the order of one.

    The loss goes in as log(1 + ℓ); margin (the given label's probability less the highest other one) and entropy (over
    log C) come from the logits, and are zero where the student has none. Progress runs from 0 to 1 over `total_steps`, or,
    where these are not known, to 1/2 in 1,000 steps and on towards 1.
    """
    losses = evidence.known("losses")
    level = 0.0 if math.isnan(evidence.clean_loss) else math.log1p(max(evidence.clean_loss, 0.0))
    done = evidence.step / total_steps if total_steps else evidence.step / (evidence.step + _HALF_WAY)
    loss = losses.clamp(min=0).to(torch.promote_types(losses.dtype, torch.float32)).log1p().float()
    constant = torch.ones_like(loss)
    return torch.stack(
        [loss, loss - level, *_of_logits(evidence, loss), min(done, 1.0) * constant, level * constant], 1
    )


def _of_logits(evidence: Evidence, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Margin, entropy and the probability of the given label, each (B,)."""
    logits = None if evidence.seen is None else evidence.seen.logits
    zero = torch.zeros_like(like)
    if logits is None or logits.shape[1] < 2:
        return zero, zero, zero
    labels = evidence.labels
    if not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        return zero, zero, zero
    log_p = logits.float().log_softmax(1)
    p, labels = log_p.exp(), labels[:, None]
    given = p.gather(1, labels)[:, 0]
    other = p.scatter(1, labels, -1.0).amax(1)
    return given - other, torch.special.entr(p).sum(1) / math.log(logits.shape[1]), given
