"""What ways said of the examples that were held back, and how they compare by it.

How likely a held-back given label is right is told by the students that judged each other's half beforehand (`run.halves`):
the weights in which rules trust are not asked what they are worth.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from reweigh.data.sampling import seed_for
from reweigh.run.choice.candidates import Way, of_classes
from reweigh.run.choice.decide import ByGiven, Tried, compared
from reweigh.run.choice.scoring import doubt, macro_f1, of_task
from reweigh.tasks import Task


class Heard(NamedTuple):
    """What a model said of examples that are not checked, (g, ...), and of checked ones, (h, ...)."""

    given: Tensor
    checked: Tensor

    def __add__(self, more: "Heard") -> "Heard":  # type: ignore[override]  # of a tuple it would be longer
        return Heard(*(torch.cat([old, new]) if len(old) else new for old, new in zip(self, more, strict=True)))


NOTHING = Heard(torch.empty(0), torch.empty(0))


class Held(NamedTuple):
    """What there is to hold back.

    Attributes:
        given: targets that are not checked, (g, ...).
        checked: those that are, (h, ...).
        right: how likely each of the given ones is right, (g,); None where nobody can say.
        borne_out: how much of these log-odds real mistakes have borne out, at most 1.
    """

    given: Tensor
    checked: Tensor
    right: Tensor | None
    borne_out: float = 1.0

    def select(self, given: Tensor, checked: Tensor) -> "Held":
        """Some of both."""
        right = None if self.right is None else self.right[given]
        return self._replace(given=self.given[given], checked=self.checked[checked], right=right)


def beside(task: Task, said: Mapping[Way, Heard], held: Held, safe: Way, seed: int) -> dict[Way, Tried]:
    """Each way beside the safe one, by what it said of examples with these targets."""
    ways, draw = list(said), torch.Generator().manual_seed(seed_for(seed, "auto", "resamples"))
    of_given, of_checked = ([heard[part] for heard in said.values()] for part in (0, 1))
    y, right, count = held.checked, held.right, len(held.checked)
    if right is None or not of_classes(task):
        return compared(ways, safe, of_task(task, of_checked, y, draw), None, count)
    shares = torch.zeros(task.outputs, dtype=torch.double).index_add_(0, held.given, right)
    stands_for = (shares / y.bincount(minlength=task.outputs).clamp_min(1))[y]
    checked = macro_f1(of_checked, y, stands_for, draw)
    unsure = doubt(of_given, ways.index(safe), held.given, right, held.borne_out)
    return compared(ways, safe, checked, ByGiven(macro_f1(of_given, held.given, right, draw), unsure), count)
