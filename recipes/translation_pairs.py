"""Pairs of sentences for `translation.py`: German and English, some of them spoilt in one way.

Read are the sentences of manythings.org/anki (`deu.txt`, English first) or the folder of Multi30k (`train.de.gz` and so on).
Kinds of wrong pairs are those of Khayrallah and Koehn (2018), made from right ones: what they found in a crawl.
"""

import gzip
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from reweigh.rightness.pairs import PAIR_KINDS, spoil

CHECKED, TEST = 500, 1000
Pair = tuple[str, str]


class Parts(NamedTuple):
    """To learn from, checked, and new ones: no English sentence in two of them. `spare` are right ones beside them."""

    train: list[Pair]
    checked: list[Pair]
    test: list[Pair]
    spare: list[Pair]


def parts_of(path: Path, count: int, seed: int) -> Parts:
    """Of Tatoeba's file, or of Multi30k's folder, whose test part is that of 2016; `count` to learn from at most."""
    return _of_multi30k(path, count, seed) if path.is_dir() else _of_tatoeba(path, count, seed)


def _of_tatoeba(path: Path, count: int, seed: int) -> Parts:
    by_target: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").split("\n"):
        english, _, german = line.partition("\t")
        if german:
            by_target.setdefault(english, []).append(german.split("\t")[0])
    draw, targets = random.Random(seed), sorted(by_target)
    draw.shuffle(targets)
    found = [(draw.choice(by_target[target]), target) for target in targets[: CHECKED + TEST + 2 * count]]
    kept = CHECKED + TEST
    return Parts(found[kept : kept + count], found[:CHECKED], found[CHECKED:kept], found[kept + count :])


def _of_multi30k(path: Path, count: int, seed: int) -> Parts:
    train, test = (lines_of(path, name) for name in ("train", "test_2016_flickr"))
    held = {english for _, english in test}
    found = [pair for pair in dict.fromkeys(train) if pair[1] not in held]
    random.Random(seed).shuffle(found)
    checked = {english for _, english in found[:CHECKED]}
    rest = [pair for pair in found[CHECKED:] if pair[1] not in checked]
    return Parts(rest[:count], found[:CHECKED], test, rest[count:])


def lines_of(path: Path, name: str) -> list[Pair]:
    """A part of Multi30k, German and English."""
    sides = [gzip.decompress((path / f"{name}.{side}.gz").read_bytes()).decode().split("\n") for side in ("de", "en")]
    return [(german, english) for german, english in zip(*sides, strict=True) if german and english]


def write(path: Path, pairs: list[Pair]) -> str:
    """Lines of two fields below their names."""
    path.write_text("de\ten\n" + "".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8")
    return str(path)


Spoil = Callable[[list[Pair], int], list[Pair]]
"""From right pairs and a seed to as many wrong ones."""


def _by(kind: str) -> Spoil:
    def spoilt(pairs: list[Pair], seed: int) -> list[Pair]:
        sources, targets = ([pair[side].split() for pair in pairs] for side in (0, 1))
        wrong = spoil(sources, targets, kind, seed)
        return [(pair[0], " ".join(words)) for pair, words in zip(pairs, wrong, strict=True)]

    return spoilt


def short(pairs: list[Pair], seed: int) -> list[Pair]:
    """The first one or two words of both sides, which need not be each other's."""
    draw = random.Random(seed)
    return [(" ".join(one.split()[: draw.randint(1, 2)]), " ".join(other.split()[:1])) for one, other in pairs]


def foreign(pairs: list[Pair], seed: int) -> list[Pair]:
    """The target in a language that nobody speaks, whose letters are others: the same one in all pairs."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    others = "ouieahjklmnpqrstvwxyzbcdfg"
    table = str.maketrans(letters + letters.upper(), others + others.upper())
    return [(source, target.translate(table)) for source, target in pairs]


def mixed(pairs: list[Pair], seed: int) -> list[Pair]:
    """All kinds alike often, as a raw crawl has several."""
    kinds = [spoilt for name, spoilt in KINDS.items() if name != "mixed"]
    parts = [spoilt(pairs[first :: len(kinds)], seed) for first, spoilt in enumerate(kinds)]
    return [parts[place % len(kinds)][place // len(kinds)] for place in range(len(pairs))]


KINDS: dict[str, Spoil] = {
    **{kind: _by(kind) for kind in PAIR_KINDS},
    "short": short,
    "foreign": foreign,
    "mixed": mixed,
}


def replaced(pairs: list[Pair], kind: str, share: float, seed: int) -> tuple[list[Pair], list[bool]]:
    """A share of the pairs spoilt, and which those are."""
    if not share:
        return list(pairs), [False] * len(pairs)
    bad = sorted(random.Random(seed).sample(range(len(pairs)), round(share * len(pairs))))
    given, wrong = list(pairs), set(bad)
    for row, pair in zip(bad, KINDS[kind]([pairs[row] for row in bad], seed), strict=True):
        given[row] = pair
    return given, [row in wrong for row in range(len(pairs))]


def added(pairs: list[Pair], spare: list[Pair], kind: str, share: float, seed: int) -> tuple[list[Pair], list[bool]]:
    """All pairs as they are and such a share of them beside, spoilt from others, in one order drawn; and which those are."""
    more = spare[: round(share * len(pairs))]
    if len(more) < round(share * len(pairs)):
        raise SystemExit(
            f"{len(spare):,} pairs are left to be spoilt and added, {round(share * len(pairs)):,} are wanted"
        )
    both = [(pair, False) for pair in pairs] + [(pair, True) for pair in KINDS[kind](more, seed)]
    random.Random(seed).shuffle(both)
    return [pair for pair, _ in both], [bad for _, bad in both]
