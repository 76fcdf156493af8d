"""Other ways to a model, with the settings of a run: what a frozen body says of the data is worked out once for all."""

import warnings
from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from reweigh.data.sampling import steps_an_epoch
from reweigh.rules import registry
from reweigh.run.job.evaluate import outputs_on
from reweigh.run.job.features import learnt_from
from reweigh.run.job.job import assemble
from reweigh.run.job.loop import Notes, train_along
from reweigh.run.job.prepare import RunData, with_clean_kept
from reweigh.run.job.student import build_student
from reweigh.run.objects import NONE, Objects
from reweigh.run.world import World
from reweigh.settings import Resolved

Note = Callable[[str], None]


class Bench:
    """Trains models like the run's own, from the same beginning.

    Attributes:
        inputs: the data as the part of the model that learns reads them.
        steps: of the whole run.
    """

    def __init__(
        self, config: Resolved, data: RunData, note: Note, objects: Objects = NONE, world: World | None = None
    ) -> None:
        self._config, self._note = config, note
        self._world = World.here(config.run.device) if world is None else world
        model = build_student(config.student, data.train, data.encoding, objects.model).to(self._world.device)
        student, self.inputs = learnt_from(model, data, config.student.augment, self._world.device, note)
        self._objects = replace(objects, model=student, rule=None)
        count = len(with_clean_kept(config, data).train)
        self.steps = config.student.steps_in_all(steps_an_epoch(count, config.student.batch_size))

    def outputs(self, parts: RunData, steps: int, rule: str = registry.PLAIN) -> Tensor:
        """What a model trained by a rule on some `parts` of `inputs` for so many steps says of their test examples.

        Where examples are held back in them the epoch is chosen by these. Random states of the caller are left as found.

        Raises:
            BadInput: if the rule cannot weigh such examples.
            NonFinite: if training stops being finite.
        """
        warm_up = self._config.weights.warm_up
        config = self._config.but(
            rule=rule,
            teacher=None,
            rule_option=(),
            steps=steps,
            epochs=None,
            warm_up=warm_up if steps >= self.steps else warm_up * steps // self.steps,
            patience=None if parts.held is None else self._config.student.patience,
        )
        job = assemble(config, parts, self._note, self._objects, self._world)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="the clean gradient has all but vanished")  # it is a trial
            train_along(job, Notes(job, test=False))
        return outputs_on(job.student, job.inputs.test, job.device, job.task)
