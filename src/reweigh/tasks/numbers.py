"""What tasks whose targets are numbers share: two of them are never equal, so what counts is how far they are apart."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from reweigh.tasks.groups import Groups, by_range
from reweigh.tasks.spoken import Overview, Words
from reweigh.tasks.targets import Array, BoolArray
from reweigh.tasks.task import Task

FAR = 3.0
"""A value is far off beyond so many times the usual distance (1.4826 median distances)."""


class Numbers(Task):
    """A task whose targets and predictions are numbers, (N,)."""

    words: ClassVar = Words(
        "range", "ranges", "each range of the target", "given target", "Targets by range",
        "far from it (three times the usual distance)", "the range",
    )  # fmt: skip

    def contradicts(self, given: Array, suggested: Array) -> BoolArray:
        """Where the value is further from the given one than three times the usual distance."""
        distance = np.abs(given - suggested)
        return np.asarray(distance > FAR * 1.4826 * np.median(distance))

    def told(self, label: Any) -> str:
        """Six digits."""
        return f"{float(label):.6g}"

    def cells(self, labels: Array) -> Array:
        """The numbers themselves."""
        return labels

    def overview(self, values: Tensor, cells: Sequence[Any]) -> Overview:
        """The range of the values."""
        told = tuple(self.told(value) for value in (values.min(), values.mean(), values.max()))
        return Overview(("least", "mean", "most"), (True, True, True), [told])

    def groups(self, given: Array, suggested: Array) -> Groups:
        """Ranges of about equally many given values."""
        return by_range(given, suggested)
