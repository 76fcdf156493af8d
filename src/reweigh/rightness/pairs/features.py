"""What tells right pairs from wrong ones: how much the student needs the source, and what can be seen without it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh.rightness.pairs.spoil import Sequences

Loss = Callable[[Sequences, Sequences], Any]
"""From n sources and n targets to the student's mean loss a target token, (n,)."""


def pair_features(
    loss: Loss, sources: Sequences, targets: Sequences, *, among: Sequences | None = None, seed: int = 0
) -> Tensor:
    """Of n pairs, (n, 4): contrast, loss, overlap, and ratio of lengths.

    The contrast is ℓ(x', y) − ℓ(x, y) with x' another source: how much the source helps to foretell its target, whatever
    else is hard about that. A copy needs its source more than a translation does, which is what the overlap, the share of
    the target's tokens that stand in the source too, is for.

    Args:
        loss: the student's, in eval mode, without label smoothing; called twice.
        sources, targets: n sequences each.
        among: where other sources are drawn from; `sources` if left out.
        seed: of that.
    """
    own = _numbers(loss(sources, targets))
    others, n = sources if among is None else among, len(sources)
    away = torch.randint(1, max(len(others), 2), (n,), generator=torch.Generator().manual_seed(seed))
    drawn = ((torch.arange(n) + away) % len(others)).tolist()
    contrast = _numbers(loss([others[i] for i in drawn], targets)) - own
    overlap = [_share(target, set(source)) for source, target in zip(sources, targets, strict=True)]
    ratio = [len(target) / max(len(source), 1) for source, target in zip(sources, targets, strict=True)]
    return torch.stack([contrast, own, _numbers(overlap), _numbers(ratio)], 1)


def _share(target: Sequence[Any], source: set[Any]) -> float:
    return sum(token in source for token in target) / max(len(target), 1)


def _numbers(values: Any) -> Tensor:
    return torch.as_tensor(values).detach().to("cpu", torch.double)
