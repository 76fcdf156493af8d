"""All settings of a run in one frozen object, checked when it is made.

The settings are the run: with the same settings, data and versions it gives the same model and weights. They are
written to `config.json`, and a run is only resumed with the settings it was started with.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import torch

from reweigh.data import parse_noise
from reweigh.data.own import Sources
from reweigh.errors import BadInput
from reweigh.rules import READS, registry
from reweigh.settings.checks import at_least, at_most, check_types, choose
from reweigh.settings.choices import AT_LEAST, CHOICES, check_model, check_rule
from reweigh.settings.choices import parse_imbalance as parse_imbalance
from reweigh.tasks import check_task

T = TypeVar("T")
MOST_THREADS = 4096  # torch counts them in 32 bits and the system refuses long before
USUAL_MODEL = {
    "digits": "mlp",
    "mnist": "lenet",
    "fashion-mnist": "lenet",
    "cifar10": "resnet32",
    "cifar100": "resnet32",
}
USUAL_LR = {"sgd": 0.01, "adam": 0.001, "adamw": 0.001, "reversible-sgd": 0.01}
_USUAL: Mapping[str, Any] = {
    "clean_per_class": 10,
    "keep_clean_in_train": False,
    "rule": registry.DEFAULT,
    "warm_up": 0,
    "batch_size": 100,
    "optimizer": "sgd",
    "weight_decay": 0.0,
    "schedule": "step",
    "augment": "none",
}
_OWN = tuple(field.name for field in fields(Sources))


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """The settings of one run; the help of `reweigh train` says what each means.

    It learns from a `dataset` known by name, or from the user's own data: `train` and the settings of `Sources`.

    None means "the usual one", which `resolved` fills in: the model of the data set, 20 epochs where neither
    `epochs` nor `steps` is given, the learning rate of the optimizer, as many threads as torch takes, and clean
    batches as large as the training batches. What is usual for own data depends on them, see `usual.with_usual`.

    Raises:
        BadInput: naming the first setting that cannot be used, what it is and what it may be.
    """

    dataset: str | None = None
    train: str | None = None
    clean: str | None = None
    test: str | None = None
    target: str | None = None
    text: str | None = None
    clean_column: str | None = None
    clean_ids: str | None = None
    id_column: str | None = None
    task: str | None = None
    image_size: int | None = None
    text_length: int | None = None
    test_share: float = 0.3
    drop: tuple[str, ...] = ()
    noise: str = "none"
    imbalance: str = "none"
    clean_per_class: int | None = None
    keep_clean_in_train: bool | None = None
    rule: str | None = None
    rule_option: tuple[str, ...] = ()
    engine: str = "auto"
    preset: str = "exact"
    layers: tuple[str, ...] | None = None
    warm_up: int | None = None
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
    batch_size: int | None = None
    clean_batch_size: int | None = None
    optimizer: str | None = None
    lr: float | None = None
    momentum: float = 0.9
    weight_decay: float | None = None
    schedule: str | None = None
    augment: str | None = None
    patience: int | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "fp32"
    threads: int | None = None
    ledger: bool = True
    data_root: str | None = None
    download: bool = True
    checkpoint_every: int = 1

    def __post_init__(self) -> None:
        check_types(self)
        for name, words in CHOICES.items():
            choose(name, getattr(self, name), words)
        check_model(self.model)
        check_task(self.task)
        check_rule(self.rule)
        for name, least in AT_LEAST.items():
            at_least(name, getattr(self, name), least)
        at_most("threads", self.threads, MOST_THREADS)
        self._check_data()
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
        if self.teacher is not None and not self._learns:
            raise BadInput(f"a teacher is given, but the rule is {self.rule!r}: add --rule with the teacher's own rule")
        if self._learns and self.teacher is None:
            self._check_learning()
        if self.layers is not None and not all(self.layers):
            raise BadInput("layers holds an empty pattern: give patterns over module names, such as 'layers.*'")
        parse_noise(self.noise)
        parse_imbalance(self.imbalance)

    def _check_data(self) -> None:
        if self.dataset is None and self.train is None:
            raise BadInput(
                "no data set is named: add --train with your own data and --clean with the checked part, or --dataset "
                f"with one of {', '.join(CHOICES['dataset'])}"
            )
        if self.dataset is not None and self.train is not None:
            raise BadInput(f"both --dataset {self.dataset} and --train {self.train} are given: learn from one of them")
        others = [name for name in _OWN if name not in ("train", "test_share") and getattr(self, name)]
        if self.dataset is not None and others:
            option = others[0].replace("_", "-")
            raise BadInput(
                f"--{option} is about your own data, and --dataset {self.dataset} is not: name yours by --train"
            )
        if self.train is not None and self.clean_per_class is not None:
            raise BadInput(
                "clean_per_class takes clean images out of a known data set: of your own data, name the checked part by "
                "--clean, --clean-column or --clean-ids"
            )

    def _check_learning(self) -> None:
        if self.horizon > 1 and self.look_ahead != "real":
            raise BadInput(f"look_ahead {self.look_ahead!r} looks one step ahead: leave it out, or use a horizon of 1")
        if (self.memory == "reverse") != (self.optimizer == "reversible-sgd"):
            raise BadInput(
                f"memory is {self.memory!r} and the optimizer {self.optimizer or 'sgd'!r}: stepping back exactly takes both "
                "--memory reverse and --optimizer reversible-sgd"
            )

    @property
    def _learns(self) -> bool:
        """Whether the rule is known to learn; one written outside may, and its code is not run by reading settings."""
        entry = registry.inside(self.rule)
        return ":" in (self.rule or "") if entry is None else entry.learns

    @property
    def data_name(self) -> str:
        """What people call the data: the data set's name, or the name of the file or folder."""
        return self.dataset or Path(self.train or "").resolve().name

    @property
    def named_code(self) -> dict[str, str | None]:
        """The settings that may name code of the user's own."""
        return {name: getattr(self, name) for name in ("model", "task", "rule")}

    def sources(self) -> Sources | None:
        """Where the user's own data lie; None for a known data set."""
        return None if self.train is None else Sources(**{name: getattr(self, name) for name in _OWN})

    def resolved(self) -> "TrainConfig":
        """The same settings with nothing left open, so that the run's folder says what was really done.

        Settings for own data are left as they are: what is usual for them depends on the data.
        """
        if self.dataset is None:
            return self
        usual = {name: value for name, value in _USUAL.items() if getattr(self, name) is None}
        usual["model"] = self.model or USUAL_MODEL[self.dataset]
        # A network for 8x8 pixels loses more than it gains by sharing its work between threads.
        return filled(
            replace(self, **usual), epochs=20, threads=1 if self.dataset == "digits" else torch.get_num_threads()
        )

    def as_json(self) -> dict[str, Any]:
        """The settings as plain numbers, words and lists."""
        return asdict(self)


def filled(config: TrainConfig, *, epochs: int, threads: int) -> TrainConfig:
    """With length, learning rate, clean batches and threads, where these are open; the optimizer and batch size are not."""
    size = known(config.batch_size)
    return replace(
        config,
        epochs=epochs if config.epochs is None and config.steps is None else config.epochs,
        lr=config.lr or USUAL_LR[known(config.optimizer)],
        clean_batch_size=config.clean_batch_size or size,
        threads=config.threads or threads,
    )


def known(value: T | None) -> T:
    """A setting that is not open any more, since `resolved` or `with_usual` has filled it in."""
    assert value is not None
    return value
