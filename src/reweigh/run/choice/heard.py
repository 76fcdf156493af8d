"""What candidates said of the examples that were held back, and how they compare by it.

How likely a held-back given label is right is told by a verifier (`reweigh.rightness`) with two witnesses that have not seen
it: what the candidates say together, and what a model says that was trained by checked examples alone.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from reweigh.data.sampling import seed_for
from reweigh.rightness import OF_CLASSES, View
from reweigh.rules.baselines import CheckedOnly
from reweigh.run.choice.candidates import Way, of_classes
from reweigh.run.choice.decide import Tried, compared
from reweigh.run.choice.scoring import macro_f1, of_task
from reweigh.tasks import Task


class Heard(NamedTuple):
    """Of examples that are not checked, (g, ...), and of checked ones, (h, ...): outputs of a model, or their labels."""

    given: Tensor
    checked: Tensor

    def __add__(self, more: "Heard") -> "Heard":  # type: ignore[override]  # of a tuple it would be longer
        return Heard(*(torch.cat([old, new]) if len(old) else new for old, new in zip(self, more, strict=True)))


NOTHING = Heard(torch.empty(0), torch.empty(0))


def beside(task: Task, said: Mapping[Way, Heard], labels: Heard, safe: Way, seed: int) -> dict[Way, Tried]:
    """Each way beside the safe one, by what it said of examples with these labels."""
    ways, draw = list(said), torch.Generator().manual_seed(seed_for(seed, "auto", "resamples"))
    of_given, of_checked = ([heard[part] for heard in said.values()] for part in (0, 1))
    y, count = labels.checked, len(labels.checked)
    if not of_classes(task):
        return compared(ways, safe, of_task(task, of_checked, y, draw), None, count)
    right = _right(said, labels, seed)
    shares = torch.zeros(task.outputs, dtype=torch.double).index_add_(0, labels.given, right)
    stands_for = (shares / y.bincount(minlength=task.outputs).clamp_min(1))[y]
    checked = macro_f1(of_checked, y, stands_for, draw)
    return compared(ways, safe, checked, macro_f1(of_given, labels.given, right, draw), count)


def _right(said: Mapping[Way, Heard], labels: Heard, seed: int) -> Tensor:
    """How likely each of the given labels (g,) is right, taught by the checked ones."""
    sure = {way: torch.cat(heard).double().log_softmax(1) for way, heard in said.items()}
    alone = sure.pop(Way(CheckedOnly.name), None) if len(sure) > 1 else None
    view = View(torch.stack(list(sure.values())).mean(0).log_softmax(1), alone)
    count, y = len(labels.given), torch.cat(labels)
    checked, classes = torch.arange(count, len(y)), np.arange(view.classes)
    found = OF_CLASSES.judged(view, y, checked, classes, seed=seed_for(seed, "auto"))
    return torch.from_numpy(found.right[:count])
