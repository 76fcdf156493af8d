"""Marian: both sides and a file of weights, for `--data-weighting`.

Marian divides by the labels as they are counted, whatever they weigh: a mean weight of 0.3 would shrink every step to 0.3.
So the mean is one. An empty line would be read as any number, so each has one.
"""

from pathlib import Path

from reweigh.exchange.weighed import Weighed, beside, in_lines, numbers, sides


class Marian:
    """Three files of as many lines."""

    name = "marian"

    def files(self, pairs: Weighed, target: Path) -> dict[Path, str]:
        """Source, target and one weight a line."""
        return {**sides(pairs, target), beside(target, "weights"): in_lines(numbers(pairs.weights))}

    def steps(self, pairs: Weighed, target: Path) -> list[str]:
        """The options."""
        texts = " ".join(str(path) for path in sides(pairs._replace(sources=[], targets=[]), target))
        weights = beside(target, "weights")
        return [f"train with `marian -t {texts} --data-weighting {weights} --data-weighting-type sentence ...`"]
