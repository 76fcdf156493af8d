"""Settings as they stand in a file, and whether two runs have the same.

A few settings say how the work is done and not what comes out (where the data lie, how often to save); those may differ.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from reweigh.errors import BadInput
from reweigh.training.checks import near
from reweigh.training.config import TrainConfig

FREE = frozenset({"data_root", "download", "checkpoint_every"})
"""Settings that do not change what comes out, so that a resumed run may have others."""
_WORDS = ("layers", "teacher_reads", "teacher_states", "drop")


def config_from(settings: Mapping[str, Any], where: str) -> TrainConfig:
    """Settings from a mapping that a person may have edited; `where` begins the sentence that refuses it.

    Raises:
        BadInput: if a setting is unknown or of the wrong kind, or no data are named.
    """
    there = {field.name for field in fields(TrainConfig)}
    for name in settings:
        if name not in there:
            raise BadInput(f"{where}: there is no setting {name!r}{near(name, there)}")
    values: dict[str, Any] = dict(settings)
    for name in _WORDS:
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
