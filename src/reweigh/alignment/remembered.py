"""Choices remembered with a module, for `alignments(model, ...)`, which is a function and keeps nothing itself."""

import weakref

from torch import nn

from reweigh.alignment.auto import AutoEngine
from reweigh.alignment.engine import Engine
from reweigh.student import EngineTask

_remembered: weakref.WeakKeyDictionary[nn.Module, dict[str, AutoEngine]] = weakref.WeakKeyDictionary()


def engine_for(task: EngineTask, engine: str | Engine) -> AutoEngine:
    """What has the engine that a user passed; what a name stands for is remembered with the module."""
    if isinstance(engine, Engine):
        return AutoEngine(engine)
    of_module = _remembered.setdefault(task.module, {})
    if engine not in of_module:
        of_module[engine] = AutoEngine(engine)
    return of_module[engine]


def choices_for(module: nn.Module) -> list[AutoEngine]:
    """The choices remembered with a module, the latest last."""
    return list(_remembered.get(module, {}).values())
