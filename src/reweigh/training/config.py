"""All settings of a run in one frozen object, checked when it is made.

The settings are the run: with the same settings and the same versions it gives the same model and weights. They
are written to `config.json`, and a run is only resumed with the settings it was started with. A few settings
say how the work is done and not what comes out (where the data lie, how often to save); those may differ.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any

import torch

from reweigh.data import NAMES, parse_noise
from reweigh.errors import BadInput
from reweigh.learning import LOOK_AHEADS, MEMORIES
from reweigh.models import MODELS
from reweigh.presets import PRESETS
from reweigh.rules import NORMALISATIONS
from reweigh.training.checks import at_least, check_types, choose, near
from reweigh.training.schedule import SCHEDULES

PLAIN_RULES = ("l2rw", "uniform", "random", "proportion", "resampling", "hard-mining", "oracle")
LEARNED_RULES = ("meta-weight-net", "class-aware", "deep-interaction")
RULES = PLAIN_RULES + LEARNED_RULES
OPTIMIZERS = ("sgd", "adam", "adamw", "reversible-sgd")
TEACHER_OPTIMIZERS = ("sgd", "adam", "adamw")
READS = ("surface", "internal", "interaction")
ENGINES = ("auto", "ghost", "forward", "finite", "double")
AUGMENTATIONS = ("none", "crop", "crop-flip")
USUAL_MODEL = {
    "digits": "mlp",
    "mnist": "lenet",
    "fashion-mnist": "lenet",
    "cifar10": "resnet32",
    "cifar100": "resnet32",
}
USUAL_LR = {"sgd": 0.01, "adam": 0.001, "adamw": 0.001, "reversible-sgd": 0.01}
FREE = frozenset({"data_root", "download", "checkpoint_every"})
"""Settings that do not change what comes out, so that a resumed run may have others."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings of one run; the help of `reweigh train` says what each means.

    None means "the usual one", which `resolved` fills in: the model of the data set, 20 epochs where neither
    `epochs` nor `steps` is given, the learning rate of the optimizer, as many threads as torch takes, and clean
    batches as large as the training batches (with the preset "fast" of at most 16).

    Raises:
        BadInput: naming the first setting that cannot be used, what it is and what it may be.
    """

    dataset: str
    noise: str = "none"
    imbalance: str = "none"
    clean_per_class: int = 10
    keep_clean_in_train: bool = False
    rule: str = "l2rw"
    engine: str = "auto"
    preset: str = "exact"
    layers: tuple[str, ...] | None = None
    warm_up: int = 0
    horizon: int = 1
    look_ahead: str = "real"
    memory: str = "snapshots"
    normalise: str = "sum"
    teacher: str | None = None
    teacher_lr: float = 0.001
    teacher_optimizer: str = "adam"
    teacher_every: int | None = None
    teacher_reads: tuple[str, ...] = READS
    teacher_states: tuple[str, ...] | None = None
    model: str | None = None
    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 100
    clean_batch_size: int | None = None
    optimizer: str = "sgd"
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "step"
    augment: str = "none"
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    data_root: str | None = None
    download: bool = True
    checkpoint_every: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        for name, known in _CHOICES.items():
            choose(name, getattr(self, name), known)
        for name, least in _AT_LEAST.items():
            at_least(name, getattr(self, name), least)
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise BadInput(f"lr is {self.lr}: give a learning rate above 0, such as 0.01")
        if not 0 <= self.momentum < 1:
            raise BadInput(f"momentum is {self.momentum}: give a number from 0 to below 1, such as 0.9")
        if self.epochs is not None and self.steps is not None:
            raise BadInput("both epochs and steps are given: the length of a run is set by one of them")
        if not 0 < self.teacher_lr < math.inf:
            raise BadInput(f"teacher_lr is {self.teacher_lr}: give a learning rate above 0, such as 0.001")
        if not self.teacher_reads or set(self.teacher_reads) - set(READS):
            raise BadInput(f"teacher_reads is {self.teacher_reads}: give one or more of {', '.join(READS)}")
        if self.teacher is not None and self.rule not in LEARNED_RULES:
            raise BadInput(f"a teacher is given, but the rule is {self.rule!r}: add --rule with the teacher's own rule")
        if self.rule in LEARNED_RULES and self.teacher is None:
            self._check_learning()
        if self.layers is not None and not all(self.layers):
            raise BadInput("layers holds an empty pattern: give patterns over module names, such as 'layers.*'")
        parse_noise(self.noise)
        parse_imbalance(self.imbalance)

    def _check_learning(self) -> None:
        if self.horizon > 1 and self.look_ahead != "real":
            raise BadInput(f"look_ahead {self.look_ahead!r} looks one step ahead: leave it out, or use a horizon of 1")
        if (self.memory == "reverse") != (self.optimizer == "reversible-sgd"):
            raise BadInput(
                f"memory is {self.memory!r} and the optimizer {self.optimizer!r}: stepping back exactly takes both "
                "--memory reverse and --optimizer reversible-sgd"
            )

    def resolved(self) -> "TrainConfig":
        """The same settings with nothing left open, so that the run's folder says what was really done."""
        length = 20 if self.epochs is None and self.steps is None else self.epochs
        return replace(
            self,
            model=self.model or USUAL_MODEL[self.dataset],
            epochs=length,
            lr=self.lr or USUAL_LR[self.optimizer],
            clean_batch_size=self.clean_batch_size or self._usual_clean_batch(),
            # A network for 8x8 pixels loses more than it gains by sharing its work between threads.
            threads=self.threads or (1 if self.dataset == "digits" else torch.get_num_threads()),
        )

    def _usual_clean_batch(self) -> int:
        exact = self.preset == "exact"
        return self.batch_size if exact else min(self.batch_size, PRESETS[self.preset].clean_batch_size)

    def as_json(self) -> dict[str, Any]:
        """The settings as plain numbers, words and lists."""
        return asdict(self)


_CHOICES: Mapping[str, Collection[str]] = {
    "dataset": NAMES,
    "rule": RULES,
    "model": MODELS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "engine": ENGINES,
    "preset": PRESETS,
    "augment": AUGMENTATIONS,
    "look_ahead": LOOK_AHEADS,
    "memory": MEMORIES,
    "normalise": NORMALISATIONS,
    "teacher_optimizer": TEACHER_OPTIMIZERS,
}
_AT_LEAST = {
    "clean_per_class": 1,
    "warm_up": 0,
    "horizon": 1,
    "teacher_every": 1,
    "epochs": 1,
    "steps": 1,
    "batch_size": 1,
    "clean_batch_size": 1,
    "weight_decay": 0.0,
    "seed": 0,
    "threads": 1,
    "checkpoint_every": 1,
}


def config_from(settings: Mapping[str, Any], where: str) -> TrainConfig:
    """Settings from a mapping that a person may have edited; `where` begins the sentence that refuses it.

    Raises:
        BadInput: if a setting is unknown, missing or of the wrong kind.
    """
    known = {field.name: field for field in fields(TrainConfig)}
    for name in settings:
        if name not in known:
            raise BadInput(f"{where}: there is no setting {name!r}{near(name, known)}")
    missing = [name for name, f in known.items() if name not in settings and f.default is MISSING]
    if missing:
        raise BadInput(f"{where}: the setting {missing[0]!r} is missing")
    values: dict[str, Any] = dict(settings)
    for name in ("layers", "teacher_reads", "teacher_states"):
        if isinstance(values.get(name), list):  # JSON has no tuples
            values[name] = tuple(values[name])
    try:
        return TrainConfig(**values)
    except BadInput as wrong:
        raise BadInput(f"{where}: {wrong}") from wrong


def differences(one: TrainConfig, other: TrainConfig) -> list[str]:
    """The names of the settings in which two runs differ, leaving out those that do not change the outcome."""
    return [
        field.name
        for field in fields(TrainConfig)
        if field.name not in FREE and getattr(one, field.name) != getattr(other, field.name)
    ]


def parse_imbalance(text: str) -> float | None:
    """Read `none` (None) or `long-tail:FACTOR`, the largest class over the smallest.

    Raises:
        BadInput: for any other text, or a factor below 1.
    """
    if text == "none":
        return None
    kind, _, number = text.partition(":")
    try:
        factor = float(number)
    except ValueError:
        factor = math.nan
    if kind != "long-tail" or not 1 <= factor < math.inf:
        raise BadInput(
            f"the imbalance {text!r} is not known: write none, or long-tail:FACTOR with a factor of at least 1, "
            "such as long-tail:100"
        )
    return factor
