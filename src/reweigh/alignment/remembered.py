"""Choices remembered with a module, for `alignments(model, ...)`, which is a function and keeps nothing itself."""

import weakref

from torch import nn

from reweigh.alignment.choose import Checked
from reweigh.alignment.engine import Engine, Task

_remembered: weakref.WeakKeyDictionary[nn.Module, dict[str, Checked]] = weakref.WeakKeyDictionary()


def engine_for(task: Task, engine: str | Engine) -> Engine:
    """The engine object for what a user passed; what a name stands for is remembered with the module."""
    if isinstance(engine, Engine):
        return engine
    of_module = _remembered.setdefault(task.module, {})
    if engine not in of_module:
        of_module[engine] = Checked(engine)
    return of_module[engine]


def choices_for(module: nn.Module) -> list[Checked]:
    """The choices remembered with a module, the latest last."""
    return list(_remembered.get(module, {}).values())
