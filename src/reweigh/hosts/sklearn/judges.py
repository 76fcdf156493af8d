"""Two copies of an estimator's module that judge the labels of each other's rows: trained once, when somebody asks."""

import copy
from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh.hosts.sklearn.rows import Rows
from reweigh.hosts.sklearn.training import Parts
from reweigh.rightness.known import Known
from reweigh.run.halves import Half, Halves, Targets, by_turns, rounds_of, steps_of_each
from reweigh.run.job.look import look
from reweigh.tasks import Task

Train = Callable[[nn.Module, str, Rows, Tensor, int], object]
"""Trains a module by a rule, judged by clean rows, on these rows (n,) for so many steps."""


class Judges:
    """Of the rows `trained_on` (n,) that are not clean.

    Args:
        module: as it is before its first step; a copy is taken.
        task: what is learnt, one whose targets are judged.
        parts: all rows, and the clean ones.
        trained_on: rows that are trained on.
        plainly: from a module, rows to learn from and a number of steps to nothing: trains it, every row alike.
        steps: of the whole training.
    """

    def __init__(
        self,
        module: nn.Module,
        task: Task,
        parts: Parts,
        trained_on: Tensor,
        *,
        plainly: Callable[[nn.Module, Tensor, int], object],
        steps: int,
    ) -> None:
        self._module, self._task, self._parts, self._plainly = copy.deepcopy(module), task, parts, plainly
        self._open, self._steps = trained_on[~torch.isin(trained_on, parts.clean.ids)], steps_of_each(steps)

    def known(self, clean: Tensor) -> Known:
        """What they say, taught by the clean rows with these ids alone.

        Raises:
            BadInput: if there are too few.
        """
        return self._halves.known(clean)

    def right(self, clean: Tensor) -> Tensor:
        """How likely the label of each row that is not clean is right, (u,), likewise."""
        return self._halves.right(clean)

    def some_wrong(self, clean: Tensor) -> bool | None:
        """Whether some labels are wrong for sure, likewise; None where nobody can tell."""
        return self._halves.some_wrong(clean)

    @cached_property
    def _halves(self) -> Halves:
        rows, clean, seed = self._parts.rows, self._parts.clean, self._parts.seed
        device = next(self._module.parameters()).device

        def asked(learnt: Tensor, others: Tensor) -> Half:
            with rng.kept([device]), torch.enable_grad():
                rng.seed(seed, [device])
                student = copy.deepcopy(self._module)
                self._plainly(student, self._open[learnt], self._steps)
                said = look(student, [(clean, torch.arange(len(clean))), (rows, self._open[others])])
                return Half(others, *said)

        rounds = rounds_of(rows.first, len(self._open))
        known = Targets(clean.ids, targets_of(self._task, clean.y), self._task)
        given = Targets(rows.ids[self._open], targets_of(self._task, rows.y[self._open]), self._task)
        return Halves(known, given, by_turns(len(self._open), asked, seed, rounds), seed)


def targets_of(task: Task, y: Tensor) -> Tensor:
    """Classes, or one number an example."""
    return y if task.has_classes else y.flatten()
