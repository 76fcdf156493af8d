"""What a student that was not trained on pairs of texts says of them, and of checked ones spoilt in every known way."""

from collections.abc import Callable, Container, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from reweigh.rightness.pairs import PAIR_KINDS, pair_features, spoil
from reweigh.rightness.pairs.language import Language
from reweigh.rightness.pairs.spoil import Sequences, exchanged, foreign
from reweigh.rightness.pairs.verify import PairsView

_AT_ONCE = 250
Loss = Callable[[Sequences, Sequences], Tensor]


def pairs_seen(
    loss: Loss, checked: tuple[Sequences, Sequences], others: tuple[Sequences, Sequences], starts: Container[int] = ()
) -> PairsView:
    """Features of m checked pairs and then of the others, and of the checked ones spoilt, by kind: (m + u, 6) each.

    Those of `pair_features`, and how like a target is to checked ones (`Language`). A student that has read many pairs in
    a wrong language has learnt it: these are as right ones in all but their words, which are as far from those of checked
    targets as the words of sources are, or half as far: a language shares words with another.

    Args:
        loss: the mean loss of the target's tokens by the student, (n,), of n sources and targets.
        checked: sources and targets that are right.
        others: sources and targets that are asked about.
        starts: tokens that begin a word: words are shuffled and cut off, not pieces of them.
    """
    sources, targets = ([*one, *other] for one, other in zip(checked, others, strict=True))
    words, language = partial(_words, starts=starts), Language(checked[1], [*sources, *targets])
    told, m = pair_features(loss, sources, targets, words=words), len(checked[0])
    own = [*range(m), *([None] * len(others[0]))]
    given = torch.column_stack([told, language(targets, own)])
    elsewhere = language([*checked[0][1:], *checked[0][:1]], [None] * m)
    elsewhere[::2] *= 0.5
    wrong = {foreign.__name__: _padded(torch.column_stack([told[:m], elsewhere]), given)}
    source_words, target_words = ([words(text) for text in side] for side in checked)
    for kind in (kind for kind in PAIR_KINDS if kind not in wrong):
        made = [[token for word in text for token in word] for text in spoil(source_words, target_words, kind)]
        seen = pair_features(loss, checked[0], made, among=sources, words=words)
        # A target from elsewhere would speak for itself: it is one of the checked ones.
        like = given[:m, -1].roll(1) if kind == exchanged.__name__ else language(made, own[:m])
        wrong[kind] = _padded(torch.column_stack([seen, like]), given)
    return PairsView(given, {kind: wrong[kind] for kind in PAIR_KINDS})


def _padded(spoilt: Tensor, given: Tensor) -> Tensor:
    """With rows without meaning for the pairs that are not checked."""
    return torch.cat([spoilt, torch.zeros_like(given[len(spoilt) :])])


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
