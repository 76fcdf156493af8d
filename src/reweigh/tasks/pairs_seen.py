"""What a student that was not trained on pairs of texts says of them, and of checked ones spoilt in every known way."""

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from reweigh.rightness.pairs import PAIR_KINDS, pair_features, spoil
from reweigh.rightness.pairs.language import Language
from reweigh.rightness.pairs.spoil import Sequences, foreign
from reweigh.rightness.pairs.verify import PairsView

_AT_ONCE = 250
_LEARNT = [0, 1, 4]
"""What a student finds of pairs in a wrong language once it has read many: the contrast, loss and order of right ones."""
Loss = Callable[[Sequences, Sequences], Tensor]


def pairs_seen(
    loss: Loss, checked: tuple[Sequences, Sequences], others: tuple[Sequences, Sequences], starts: Container[int] = ()
) -> PairsView:
    """Features of m checked pairs and then of the others, and of the checked ones spoilt, by kind: (m + u, 6) each.

    Those of `pair_features`, and how like a target is to checked ones (`Language`). Pairs in a wrong language are taken for
    what a student finds that has learnt it: only their words show them.

    Args:
        loss: the mean loss of the target's tokens by the student, (n,), of n sources and targets.
        checked: sources and targets that are right.
        others: sources and targets that are asked about.
        starts: tokens that begin a word: words are shuffled and cut off, not pieces of them.
    """
    sources, targets = ([*one, *other] for one, other in zip(checked, others, strict=True))
    words, language = partial(_words, starts=starts), Language(checked[1], [*sources, *targets])
    told = pair_features(loss, sources, targets, words=words)
    own = [*range(len(checked[0])), *([None] * len(others[0]))]
    given, wrong = torch.column_stack([told, language(targets, own)]), dict[str, Tensor]()
    source_words, target_words = ([words(text) for text in side] for side in checked)
    for kind in PAIR_KINDS:
        made = [[token for word in text for token in word] for text in spoil(source_words, target_words, kind)]
        seen = pair_features(loss, checked[0], made, among=sources, words=words)
        if kind == foreign.__name__:
            seen[:, _LEARNT] = told[: len(seen), _LEARNT]
        spoilt = torch.column_stack([seen, language(made, own[: len(made)])])
        wrong[kind] = torch.cat([spoilt, torch.zeros_like(given[len(spoilt) :])])
    return PairsView(given, wrong)


def _words(tokens: Sequence[Any], starts: Container[int]) -> list[tuple[Any, ...]]:
    """The tokens of a text, word by word."""
    found: list[list[Any]] = []
    for token in tokens:
        if found and starts and token not in starts:
            found[-1].append(token)
        else:
            found.append([token])
    return [tuple(word) for word in found]


def in_parts(loss: Callable[[Any, Any], Tensor]) -> Loss:
    """The loss, worked out for some pairs of about the same length at a time."""

    def of_all(sources: Sequences, targets: Sequences) -> Tensor:
        order = sorted(range(len(targets)), key=lambda place: len(targets[place]))
        found = torch.empty(len(order))
        for start in range(0, len(order), _AT_ONCE):
            places = order[start : start + _AT_ONCE]
            with torch.no_grad():
                part = loss([sources[place] for place in places], [targets[place] for place in places])
            found[places] = part.float().cpu()
        return found

    return of_all
