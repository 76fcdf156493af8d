"""What tells right pairs from wrong ones: how much the student needs the source and the order, and what can be seen."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh.rightness.pairs.spoil import Sequences

Loss = Callable[[Sequences, Sequences], Any]
"""From n sources and n targets to the student's mean loss a target token, (n,)."""
Words = Callable[[Sequence[Any]], Sequence[tuple[Any, ...]]]
"""From a sequence of tokens to its words."""
OTHERS, ORDERS = 4, 2
"""So many other sources: on short sentences, 40 % of them misaligned, the AUROC rose from .958, with one, to .979. And so
many other orders of a target's words: where 40 % are shuffled it rose from .775 to .970."""


def pair_features(
    loss: Loss,
    sources: Sequences,
    targets: Sequences,
    *,
    among: Sequences | None = None,
    others: int = OTHERS,
    words: Words | None = None,
    seed: int = 0,
) -> Tensor:
    """Of n pairs, (n, 5): contrast, loss, overlap, ratio of lengths, and order.

    The contrast is √T · (mean ℓ(x', y) − ℓ(x, y)) with x' other sources and T the target's tokens: how much the source
    helps to foretell its target, whatever else is hard about that. Losses are means of T tokens, whose noise falls with √T;
    and one other source alone may happen to fit. A copy needs its source more than a translation does, which is what the
    overlap, the share of the target's tokens that stand in the source too, is for. The order is the same contrast against
    two other orders of the target's words: its own order is the likelier one, unless it was shuffled.

    Args:
        loss: the student's, in eval mode, without label smoothing; called three times more than there are `others`.
        sources, targets: n sequences each.
        among: where other sources are drawn from; `sources` if left out.
        others: how many are drawn for each pair.
        words: from a target to its words, tuples of tokens; each token is one if left out.
        seed: of that.
    """
    own = _numbers(loss(sources, targets))
    drawn_from, n = sources if among is None else among, len(sources)
    generator = torch.Generator().manual_seed(seed)
    away = torch.randint(1, max(len(drawn_from), 2), (others, n), generator=generator)
    places = ((torch.arange(n) + away) % len(drawn_from)).tolist()
    against = torch.stack([_numbers(loss([drawn_from[i] for i in row], targets)) for row in places]).mean(0)
    moved = [[_in_another_order(target, words, generator) for target in targets] for _ in range(ORDERS)]
    shuffled = torch.stack([_numbers(loss(sources, some)) for some in moved]).mean(0)
    noise = _numbers([len(target) for target in targets]).sqrt()
    overlap = [_share(target, set(source)) for source, target in zip(sources, targets, strict=True)]
    ratio = [len(target) / max(len(source), 1) for source, target in zip(sources, targets, strict=True)]
    seen = [_numbers(overlap), _numbers(ratio)]
    return torch.stack([(against - own) * noise, own, *seen, (shuffled - own) * noise], 1)


def _in_another_order(target: Sequence[Any], words: Words | None, generator: torch.Generator) -> list[Any]:
    those = [(token,) for token in target] if words is None else words(target)
    return [token for place in torch.randperm(len(those), generator=generator).tolist() for token in those[place]]


def _share(target: Sequence[Any], source: set[Any]) -> float:
    return sum(token in source for token in target) / max(len(target), 1)


def _numbers(values: Any) -> Tensor:
    return torch.as_tensor(values).detach().to("cpu", torch.double)
