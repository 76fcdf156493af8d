"""Other ways to a model, with the settings of a run: what a frozen body says of the data is worked out once for all."""

import itertools
import warnings
from dataclasses import replace
from functools import cached_property

from torch import Tensor, nn

from reweigh.data.sampling import steps_an_epoch
from reweigh.errors import BadInput
from reweigh.rightness.known import Known
from reweigh.rules import Drawn, registry
from reweigh.run.halves import NOT_JUDGED, Halves, judged_by_two, rounds_of, steps_of_each
from reweigh.run.job.evaluate import losses_on, outputs_on
from reweigh.run.job.features import learnt_from
from reweigh.run.job.job import Job, assemble
from reweigh.run.job.loop import Notes, Told, train_along
from reweigh.run.job.loss import loss_on
from reweigh.run.job.prepare import RunData, with_clean_kept
from reweigh.run.job.student import build_student
from reweigh.run.job.unchecked import unchecked
from reweigh.run.objects import NONE, Objects
from reweigh.run.watcher import SILENT, Watcher
from reweigh.run.world import World
from reweigh.settings import Resolved


def part_of_warm_up(warm_up: int, steps: int, usual: int) -> int:
    """As large a part of a run of so many steps counts uniformly at first as of one of the usual length, and no more."""
    return min(warm_up, warm_up * steps // usual)


class Bench:
    """Trains models like the run's own, from the same beginning. Nothing is worked out before it is asked for."""

    def __init__(
        self,
        config: Resolved,
        data: RunData,
        watcher: Watcher = SILENT,
        objects: Objects = NONE,
        world: World | None = None,
    ) -> None:
        self._config, self._data, self._watcher, self._objects = config, data, watcher, objects
        self._world = World.here(config.run.device) if world is None else world
        self._alone = self._world.alone()  # where all that is tried is trained
        self._judges, self._asked = itertools.count(1), 2

    def job(self, config: Resolved, *, chosen: bool, helping: frozenset[str] = frozenset()) -> Job:
        """The run's own, by these settings, in which its rule stands; whether it was `chosen` for the user.

        Examples of the kinds of wrong ones that are `helping` count like right ones.
        """
        clean, data = self._data.clean.ids, with_clean_kept(config, self._data)
        return assemble(
            config, data, self._watcher, self._objects, self._world, lambda: self.known(clean, helping), chosen=chosen
        )

    @cached_property
    def steps(self) -> int:
        """Of the whole run."""
        count = len(with_clean_kept(self._config, self._data).train)
        return self._config.student.steps_in_all(steps_an_epoch(count, self._config.student.batch_size))

    def shortened(self, config: Resolved, steps: int) -> Resolved:
        """The settings with so many steps, and as large a part of these plain ones at first."""
        return config.but(
            steps=steps, epochs=None, warm_up=part_of_warm_up(self._config.weights.warm_up, steps, self.steps)
        )

    @property
    def inputs(self) -> RunData:
        """The data as the part of the model that learns reads them."""
        return self._learnt[1]

    @cached_property
    def _learnt(self) -> tuple[nn.Module, RunData]:
        student, data = self._config.student, self._data
        model = build_student(student, data.train, data.encoding, self._objects.model).to(self._alone.device)
        return learnt_from(model, data, student.augment, self._alone.device, self._watcher)

    @cached_property
    def halves(self) -> Halves | None:
        """What two students say of each other's half; None where nobody judges such targets, or hardly any is checked."""
        rows = unchecked(self._data)
        if rows is None:
            return None
        self._asked = 2 * rounds_of(self.inputs.train.x, len(rows))
        return judged_by_two(self.inputs, self.steps, self._student, self._config.student.seed)

    @property
    def said(self) -> Halves | None:
        """The same where it was asked for, else None."""
        found: Halves | None = vars(self).get("halves")
        return found

    def known(self, clean: Tensor, helping: frozenset[str] = frozenset()) -> Known:
        """What that says of labels, taught by the checked examples with these ids, (m,); all processes have to ask.

        What is of a kind that is `helping` counts as right.

        Raises:
            BadInput: if nobody can say.
        """
        return self._world.on_main(lambda: self._known(clean, helping))

    def _known(self, clean: Tensor, helping: frozenset[str] = frozenset()) -> Known:
        if self.halves is None:
            raise BadInput(NOT_JUDGED)
        return self.halves.known(clean, helping)

    def right(self, clean: Tensor) -> Tensor | None:
        """How likely the label of each example that is not checked is right by that, (u,); None where nobody can say."""
        return None if self.halves is None else self.halves.right(clean)

    def borne_out(self, clean: Tensor) -> float:
        """How much of that real mistakes have borne out, at most 1, and 1 where none is known."""
        return 1.0 if self.halves is None else self.halves.borne_out(clean)

    def some_wrong(self, clean: Tensor) -> bool | None:
        """Whether some labels are wrong for sure by that; None where nobody can tell."""
        return None if self.halves is None else self.halves.some_wrong(clean)

    @property
    def trial_steps(self) -> int:
        """How long a trial of `losses_without_checked` is: as long as the students that judge."""
        return steps_of_each(self.steps)

    def losses_without_checked(self, helping: frozenset[str]) -> Tensor:
        """What is lost on each checked example, (m,), after a trial that has learnt from none of them.

        It draws by how likely the others are right, and those that are of a kind that is `helping` like right ones.

        Raises:
            BadInput: if nobody judges them.
        """
        rows, data = unchecked(self._data), self.inputs
        if rows is None:
            raise BadInput(NOT_JUDGED)
        parts = data._replace(train=data.train.select(rows), held=None)
        trained = self._trained(parts, self.trial_steps, Drawn.name, helping, schedule="constant")
        return losses_on(trained.student, data.clean, loss_on(trained.device, trained.task))

    def outputs(self, parts: RunData, steps: int, rule: str = registry.PLAIN) -> Tensor:
        """What a model trained by a rule on some `parts` of `inputs` for so many steps says of their test examples.

        Where examples are held back in them the epoch is chosen by these. Random states of the caller are left as found.

        Raises:
            BadInput: if the rule cannot weigh such examples.
            NonFinite: if training stops being finite.
        """
        job = self._trained(parts, steps, rule)
        return outputs_on(job.student, job.inputs.test, job.device, job.task)

    def _student(self, parts: RunData, steps: int) -> nn.Module:
        """At a constant rate: one that falls to nothing within so few steps has learnt less at its end."""
        turn = (next(self._judges), self._asked)
        self._watcher.phase("judging labels", "a student of one half asked about the other", steps, turn)
        return self._trained(parts, steps, registry.PLAIN, schedule="constant").student

    def _trained(
        self, parts: RunData, steps: int, rule: str, helping: frozenset[str] = frozenset(), **other: str
    ) -> Job:
        student, patience = self._learnt[0], None if parts.held is None else self._config.student.patience
        trial = self._config.but(rule=rule, teacher=None, rule_option=(), patience=patience, **other)
        config = self.shortened(trial, steps)
        objects = replace(self._objects, model=student, rule=None)
        clean = parts.clean.ids
        job = assemble(
            config, parts, self._watcher, objects, self._alone, lambda: self._known(clean, helping), chosen=True
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the clean gradient has all but vanished")  # it is a trial
            train_along(job, Notes(job, test=False), [Told(self._watcher.step)])
        return job
