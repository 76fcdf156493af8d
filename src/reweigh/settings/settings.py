"""All settings of a run in one frozen object, checked when it is made.

The settings are the run: with the same settings, data and versions it gives the same model and weights. They are
written to `config.json`, and a run is only resumed with the settings it was started with. Inside they stand in groups;
to people, in files and on the command line, each is a name of its own: `Settings.of(dataset="digits", epochs=3)`.
"""

import functools
import typing
from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from reweigh.data.own import Sources
from reweigh.errors import BadInput
from reweigh.options import Setting, near, once, settings_of
from reweigh.settings.known import Injected, KnownData, ResolvedKnown
from reweigh.settings.learning import LearningSettings
from reweigh.settings.run import ResolvedRun, RunSettings
from reweigh.settings.student import ResolvedStudent, StudentSettings
from reweigh.settings.weights import ResolvedWeights, WeightSettings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run; the help of `reweigh train` says what each means.

    None means "the usual one", which depends on the data (`settings.usual`, `run.job.usual`).

    Raises:
        BadInput: naming the first setting that cannot be used, what it is and what it may be.
    """

    data: Sources | KnownData
    injected: Injected = field(default_factory=Injected)
    weights: WeightSettings = field(default_factory=WeightSettings)
    learning: LearningSettings = field(default_factory=LearningSettings)
    student: StudentSettings = field(default_factory=StudentSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def __post_init__(self) -> None:
        rule, learning = self.weights.rule, self.learning
        if learning.teacher is not None:
            if not self.weights.learns:
                raise BadInput(f"a teacher is given, but the rule is {rule!r}: add --rule with the teacher's own rule")
        elif self.weights.learns:
            self._check_learning()

    def _check_learning(self) -> None:
        learning, optimizer = self.learning, self.student.optimizer
        if learning.horizon > 1 and learning.look_ahead != "real":
            raise BadInput(
                f"look_ahead {learning.look_ahead!r} looks one step ahead: leave it out, or use a horizon of 1"
            )
        if (learning.memory == "reverse") != (optimizer == "reversible-sgd"):
            raise BadInput(
                f"memory is {learning.memory!r} and the optimizer {optimizer or 'sgd'!r}: stepping back exactly takes both "
                "--memory reverse and --optimizer reversible-sgd"
            )

    @property
    def task(self) -> str | None:
        """The task of the user's own data, where it is named."""
        return self.data.task if isinstance(self.data, Sources) else None

    @property
    def named_code(self) -> dict[str, str | None]:
        """The settings that may name code of the user's own."""
        return {"model": self.student.model, "task": self.task, "rule": self.weights.rule}

    @classmethod
    def of(cls, **named: Any) -> Self:
        """Settings by their names alone; None is left out, a list or a single word makes a tuple, a path is a word.

        Raises:
            BadInput: as for the class, or if a name is unknown or no data are named.
        """
        known = by_name()
        for name in named:
            if name not in known:
                raise BadInput(f"there is no setting {name!r}{near(name, known)}")
        said = {name: _plain(value, known[name]) for name, value in named.items() if value is not None}
        _check_data(said)
        chosen = {}
        for group, kinds in groups(cls).items():
            kind = kinds[-1] if len(kinds) == 1 or "dataset" in said else kinds[0]
            chosen[group] = kind(**{name: said[name] for name in settings_of(kind) if name in said})
        return cls(**chosen)

    def flat(self) -> dict[str, Any]:
        """All settings by name; those about the other kind of data are as if left out."""
        found: dict[str, Any] = {}
        for group, kinds in groups(type(self)).items():
            value = getattr(self, group)
            for kind in kinds:
                for name, setting in settings_of(kind).items():
                    default = None if setting.default is MISSING else setting.default
                    found[name] = getattr(value, name) if isinstance(value, kind) else default
        return found

    def but(self, **named: Any) -> Self:
        """The same, but for these settings, given by their names."""
        return self.of(**{**self.flat(), **named})


@dataclass(frozen=True, kw_only=True)
class Resolved(Settings):
    """Settings with nothing left open, so that the run's folder says what was really done.

    None stands only where there is nothing of the kind: no teacher, no patience, no mean, no `steps` beside `epochs`. What
    is open of `Sources` is found in the data, and told.
    """

    data: Sources | ResolvedKnown
    weights: ResolvedWeights
    student: ResolvedStudent
    run: ResolvedRun


def groups(kind: type[Settings] = Settings) -> Mapping[str, tuple[type, ...]]:
    """The groups by name, each with its class; of the data both classes."""
    return _groups(kind)


@once
def _groups(kind: type) -> Mapping[str, tuple[type, ...]]:
    hints = typing.get_type_hints(kind)
    return MappingProxyType({name: typing.get_args(hint) or (hint,) for name, hint in hints.items()})


@functools.cache
def by_name() -> Mapping[str, Setting]:
    """What is known of each setting."""
    return {name: told for kinds in groups().values() for kind in kinds for name, told in settings_of(kind).items()}


def _plain(value: Any, setting: Setting) -> Any:
    if setting.holds_many and isinstance(value, Collection):
        return (value,) if isinstance(value, str) else tuple(value)
    return value.item() if isinstance(value, np.generic) else str(value) if isinstance(value, Path) else value


def _check_data(said: Mapping[str, Any]) -> None:
    dataset, train = said.get("dataset"), said.get("train")
    if dataset is None and train is None:
        raise BadInput(
            "no data set is named: add --train with your own data and --clean with the checked part, or --dataset "
            f"with one of {', '.join(by_name()['dataset'].option.choices)}"
        )
    if dataset is not None and train is not None:
        raise BadInput(f"both --dataset {dataset} and --train {train} are given: learn from one of them")
    if dataset is not None:
        for name, setting in settings_of(Sources).items():
            if said.get(name, setting.default) != setting.default:
                option = name.replace("_", "-")
                raise BadInput(
                    f"--{option} is about your own data, and --dataset {dataset} is not: name yours by --train"
                )
    elif "clean_per_class" in said:
        raise BadInput(
            "clean_per_class takes clean images out of a known data set: of your own data, name the checked part by "
            "--clean, --clean-column or --clean-ids"
        )
