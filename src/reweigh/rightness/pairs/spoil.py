"""Kinds of wrong pairs, each made from right ones: exchanged, copied, shuffled, cut, foreign; and anybody's."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from reweigh.errors import BadInput

Sequences = Sequence[Sequence[Any]]
"""Tokens or words, one sequence an example."""
PairKind = Callable[[Sequences, Sequences, torch.Generator], Sequences]
"""From sources, their right targets and a generator to wrong targets, of as many examples."""
PAIR_KINDS: dict[str, PairKind] = {}
"""By name."""


def pair_kind(function: PairKind) -> PairKind:
    """Make a function a kind of wrong pairs, by its own name."""
    PAIR_KINDS[function.__name__] = function
    return function


def spoil(sources: Sequences, targets: Sequences, kind: str, seed: int = 0) -> list[list[Any]]:
    """Wrong targets of right pairs, of one kind.

    Raises:
        BadInput: if there is no such kind, or not as many sources as targets.
    """
    if kind not in PAIR_KINDS:
        raise BadInput(f"there is no kind of wrong pairs {kind!r}: choose from {', '.join(PAIR_KINDS)}")
    if len(sources) != len(targets):
        raise BadInput(f"there are {len(sources)} sources and {len(targets)} targets: give as many of both")
    generator = torch.Generator().manual_seed(seed)
    return [list(target) for target in PAIR_KINDS[kind](sources, targets, generator)]


@pair_kind
def exchanged(sources: Sequences, targets: Sequences, generator: torch.Generator) -> Sequences:
    """The target of another pair."""
    away = int(torch.randint(1, max(len(targets), 2), (), generator=generator))
    return [targets[(i + away) % len(targets)] for i in range(len(targets))]


@pair_kind
def copied(sources: Sequences, targets: Sequences, generator: torch.Generator) -> Sequences:
    """The source itself."""
    return sources


@pair_kind
def shuffled(sources: Sequences, targets: Sequences, generator: torch.Generator) -> Sequences:
    """The right words in another order."""
    return [[one[i] for i in torch.randperm(len(one), generator=generator).tolist()] for one in targets]


@pair_kind
def cut(sources: Sequences, targets: Sequences, generator: torch.Generator) -> Sequences:
    """The first half."""
    return [one[: max(len(one) // 2, 1)] for one in targets]


@pair_kind
def foreign(sources: Sequences, targets: Sequences, generator: torch.Generator) -> Sequences:
    """As many words of either side, drawn at random: a language that neither is."""
    words = list(dict.fromkeys(word for text in [*sources, *targets] for word in text))
    return [[words[i] for i in torch.randint(len(words), (len(one),), generator=generator).tolist()] for one in targets]
