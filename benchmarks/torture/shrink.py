"""A finding made small: pieces and batches are left out for as long as something stays wrong.

python -m benchmarks.torture.shrink 4711 4712
"""

import dataclasses
import sys
from collections.abc import Iterator

import torch

from benchmarks.torture.models import Finding, Trial
from benchmarks.torture.networks import Recipe, recipe
from benchmarks.torture.pieces import KINDS


def shrunk(of: Recipe) -> tuple[Recipe, list[Finding]]:
    """The smallest recipe that is found by leaving out one thing after the other, and what is wrong with it."""
    wrong = Trial(of).run().wrong
    while wrong:
        for smaller in _smaller(of):
            if found := Trial(smaller).run().wrong:
                of, wrong = smaller, found
                break
        else:
            break
    return of, wrong


def _smaller(of: Recipe) -> Iterator[Recipe]:
    """All that lacks a run of pieces, or a batch, and still fits together."""
    for length in range(len(of.names), 0, -1):
        for start in range(len(of.names) - length + 1):
            names = of.names[:start] + of.names[start + length :]
            if _fits(names, of.series):
                yield dataclasses.replace(of, names=names)
    for number in range(len(of.stages) - 1, -1, -1):
        if len(of.stages) > 1:
            yield dataclasses.replace(of, stages=of.stages[:number] + of.stages[number + 1 :])


def _fits(names: tuple[str, ...], series: bool) -> bool:
    layout = "series" if series else "rows"
    for name in names:
        if KINDS[name].before != layout:
            return False
        layout = KINDS[name].after or layout
    return layout == "rows"


if __name__ == "__main__":
    torch.set_num_threads(1)
    for asked in map(int, sys.argv[1:]):
        small, findings = shrunk(recipe(asked))
        print(f"{small}\n  {small.stages}", *findings, sep="\n  ", flush=True)
