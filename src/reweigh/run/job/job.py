"""A job: the parts of a run put together, from settings and data to a model, an optimizer and a reweigher."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.batches import BATCH_NORMS
from reweigh.clean_stream import CleanStream, clean_stream
from reweigh.contrast import OtherInput
from reweigh.data import Loader
from reweigh.data.sampling import seed_for, steps_an_epoch
from reweigh.errors import BadInput, ReweighError
from reweigh.optimizers import ReversibleSGD
from reweigh.reweigher import Reweigher
from reweigh.rightness.known import Known
from reweigh.rules import Judged, LearnedRule, Rule, SecondModel, Uniform
from reweigh.run import World
from reweigh.run.averaging import Averaging
from reweigh.run.early import EarlyStopping
from reweigh.run.job.accumulation import check_accumulation
from reweigh.run.job.augmentation import AugmentedClean
from reweigh.run.job.features import learnt_from
from reweigh.run.job.loss import loss_on
from reweigh.run.job.prepare import RunData
from reweigh.run.job.records import Records
from reweigh.run.job.rule import build_rule, learning_of
from reweigh.run.job.shapes import with_shapes
from reweigh.run.job.student import build_student
from reweigh.run.loss_scale import LossScale
from reweigh.run.objects import NONE, Objects
from reweigh.run.watcher import SILENT, Watcher
from reweigh.settings import Resolved
from reweigh.settings.student import ResolvedStudent
from reweigh.tasks import Task


@dataclass
class Job:
    """Everything that one run trains with.

    Attributes:
        data: the examples as the user has them.
        model: what comes out in the end.
        student: the part of it that learns; all of it, unless its body is frozen.
        inputs: the examples as the student reads them.
        loader: hands out the batches of `inputs.train`.
        epochs_done: how many epochs are complete.
        early: what chooses the epoch, where that is wanted.
        mean: what keeps the mean of the last epochs' parameters, likewise.
        scale: of the losses, in float16.
        choice: how the rule was chosen, where it was.
        kinds: what becomes of kinds of wrong examples, where that was tried.
        stopped: whether a callback has ended training before its time.
    """

    config: Resolved
    data: RunData
    task: Task
    model: nn.Module
    student: nn.Module
    inputs: RunData
    optimizer: torch.optim.Optimizer
    rule: Rule
    reweigher: Reweigher
    records: Records
    world: World
    loader: Loader
    epochs_done: int = 0
    stopped: bool = False
    early: EarlyStopping | None = None
    mean: Averaging | None = None
    scale: LossScale | None = None
    choice: dict[str, Any] | None = None
    kinds: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where this process computes."""
        return self.world.device

    @property
    def answering(self) -> nn.Module:
        """The student as it would come out now."""
        return self.student if self.mean is None else self.mean.model

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.config.student.steps_in_all(self.steps_an_epoch)

    @property
    def steps_an_epoch(self) -> int:
        """Steps of one full epoch; where the length is set in steps the last epoch may be shorter."""
        return steps_an_epoch(len(self.data.train), self.config.student.batch_size)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return -(-self.steps // self.steps_an_epoch)

    def state_dict(self) -> dict[str, Any]:
        """All that a resume needs, on the main process; each of them has to ask.

        What a reweigher knows is the same in all, but for the steps that a rule with a horizon has yet to learn from.
        """
        mine = self.reweigher.state_dict()
        parted = self.world.size > 1 and isinstance(self.rule, LearnedRule) and self.config.learning.horizon > 1
        return {
            **({"processes": self.world.gathered(mine)} if parted else {}),
            "epochs_done": self.epochs_done,
            "stopped": self.stopped,
            **({} if self.early is None else {"early": self.early.state_dict()}),
            **({} if self.mean is None else {"mean": self.mean.state_dict()}),
            **({} if self.scale is None else {"scale": self.scale.state_dict()}),
            "model": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "reweigher": mine,
            "records": self.records.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state.

        Raises:
            BadInput: if the state belongs to another model or data set.
        """
        try:
            self.student.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.reweigher.load_state_dict(self._mine(state))
            self.records.load_state_dict(state["records"])
            self.epochs_done, self.stopped = int(state["epochs_done"]), bool(state.get("stopped", False))
            if self.early is not None:
                self.early.load_state_dict(state["early"])
            if self.mean is not None:
                self.mean.load_state_dict(state["mean"])
            if self.scale is not None:
                self.scale.load_state_dict(state["scale"])
            self._check_moments()
        except ReweighError:
            raise
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError, IndexError) as other:
            raise BadInput(f"the checkpoint does not fit these settings: {str(other).splitlines()[0]}") from other

    def _mine(self, state: dict[str, Any]) -> dict[str, Any]:
        parted: list[dict[str, Any]] = state.get("processes", [])
        if parted and len(parted) != self.world.size:
            raise BadInput(
                f"the checkpoint was made by {len(parted)} processes in the middle of a horizon: go on with as many "
                f"(torchrun --nproc-per-node {len(parted)})"
            )
        mine: dict[str, Any] = parted[self.world.rank] if parted else state["reweigher"]
        return mine

    def _check_moments(self) -> None:
        """Torch takes moments of any shape from a file, and fails at the next step."""
        for parameter, moments in self.optimizer.state.items():
            for name, value in moments.items():
                if isinstance(value, Tensor) and value.numel() != 1 and value.shape != parameter.shape:
                    raise ValueError(f"{name} of the optimizer has the shape {tuple(value.shape)}")


def assemble(
    config: Resolved,
    data: RunData,
    watcher: Watcher = SILENT,
    objects: Objects = NONE,
    world: World | None = None,
    judged: Callable[[], Known] | None = None,
    *,
    chosen: bool = False,
) -> Job:
    """Put a job together from resolved settings and the data to use; `watcher` is told of what takes long.

    `world` is where it trains; without one this process, on the device of the settings. `judged` has what is known of the
    labels, for a rule that weighs by it. Where the rule was `chosen` for the user, training goes on by what is known of the
    labels if the clean gradient vanishes, and nobody is told to do something.

    Raises:
        BadInput: if the settings do not fit the data or this machine.
    """
    weights, learning, seed = config.weights, config.learning, config.student.seed
    data = with_shapes(config, data)
    augment, world = config.student.augment, World.here(config.run.device) if world is None else world
    device, task = world.device, data.train.task
    learnt = task.smoothed(config.student.label_smoothing)
    model = build_student(config.student, data.train, data.encoding, objects.model).to(device)
    student, inputs = learnt_from(model, data, augment, device, watcher)
    loss = loss_on(device, learnt, config.run.precision)
    scale = LossScale(loss, device) if config.run.precision == "fp16" else None
    alone = loss if scale is None else loss_on(device, learnt)  # who trains with it scales nothing
    second = SecondModel(
        student=student, loss=alone, clean=inputs.clean, optimizer=partial(build_optimizer, config.student)
    )
    rule = build_rule(config, data, second, objects, judged)
    optimizer = build_optimizer(config.student, student)
    learned = isinstance(rule, LearnedRule)
    check_accumulation(config, data.train, world.size, learns=learned)
    if scale is not None and learned and learning.horizon > 1:
        raise BadInput("a horizon above 1 takes second derivatives, which float16 does not reach: use --precision bf16")
    reweigher = Reweigher(
        world.wrap(student),
        loss if scale is None else scale.loss,
        rule=rule,
        clean=_clean(config, inputs, world, student),
        engine=weights.engine,
        layers=weights.layers,
        preset=weights.preset,
        contrast=OtherInput("x") if weights.contrast == "input" else None,
        optimizer=optimizer if learned else None,
        learning=learning_of(learning) if learned else None,
        warm_up=weights.warm_up,
        when_vanished=_when_vanished(task, judged) if chosen else None,
        capture=config.run.capture,
    )
    patience = config.student.patience
    early = None if inputs.held is None or patience is None else EarlyStopping(student, patience)
    loader = Loader(
        inputs.train, config.student.batch_size, seed=seed, rank=world.rank, size=world.size, workers=config.run.workers,
        pin=device.type == "cuda",
    )  # fmt: skip
    records = Records(data.train.ids)
    job = Job(config, data, task, model, student, inputs, optimizer, rule, reweigher, records, world, loader)
    average = config.student.average
    mean = None if average is None else Averaging(student, job.epochs, average)
    return replace(job, early=early, mean=mean, scale=scale)


def _clean(config: Resolved, inputs: RunData, world: World, student: nn.Module) -> CleanStream:
    """The clean batches, or this process's share of them where they can be shared: each example by itself, and evenly.

    Where they cannot every process goes through them all, which comes to the same.
    """
    weights, augment, clean = config.weights, config.student.augment, inputs.clean
    size = min(weights.clean_batch_size, len(clean))
    shared = size % world.size == 0 and weights.contrast != "input"
    stream = clean_stream(
        AugmentedClean(clean, augment) if augment != "none" else clean,
        batch_size=size // world.size if shared else size,
        seed=seed_for(config.student.seed, "clean"),
        ranks=(world.rank, world.size) if shared else (0, 1),
    )
    if not any(isinstance(part, BATCH_NORMS) for part in student.modules()):
        stream.parted = clean.task.parted
    return stream


def _when_vanished(task: Task, judged: Callable[[], Known] | None) -> Rule:
    """Plain training would now learn wrong labels by heart: what is known of them goes on to count, where anything is."""
    return Uniform() if judged is None or task.judging is None else Judged(judged)


def build_optimizer(student: ResolvedStudent, model: nn.Module) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam and AdamW, whose first beta the momentum is."""
    lr, decay, beta = student.lr, student.weight_decay, float(student.momentum)
    if student.optimizer == "sgd":
        return torch.optim.SGD(model.parameters(), lr, momentum=beta, weight_decay=decay)
    if student.optimizer == "reversible-sgd":
        return ReversibleSGD(model.parameters(), lr, momentum=beta, weight_decay=decay)
    kind = torch.optim.Adam if student.optimizer == "adam" else torch.optim.AdamW
    return kind(model.parameters(), lr, betas=(beta, 0.999), weight_decay=decay)
