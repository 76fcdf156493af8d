"""Tasks by their names: those of this package, and anybody's.

A class is made known by `@task("name")` where it is written. On the command line `--task module:Class` names one that is
not: the module is imported because the user says so, never because the file of a run does.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from reweigh.errors import BadInput
from reweigh.named_code import current_folder_first, is_object, name_of, named_code, not_given_again
from reweigh.tasks.measures import add_measures
from reweigh.tasks.task import Task
from reweigh.words import listed, meant, shown

T = TypeVar("T", bound=type[Task])

_TASKS: dict[str, type[Task]] = {}
_ROOM = __name__.rpartition(".")[0]


def task(name: str) -> Callable[[T], T]:
    """Make a task known by `name`: a decorator of its class.

    Raises:
        BadInput: if another task has the name, or one of its scores' names.
    """

    def add(kind: T) -> T:
        known = _TASKS.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (kind.__module__, kind.__qualname__):
            raise BadInput(
                f"there is a task {name!r} already, {known.__module__}:{known.__qualname__}: use another name"
            )
        add_measures(kind.measures)
        kind.name = name
        _TASKS[name] = kind
        return kind

    return add


def use_task(given: str | type[Task] | None) -> None:
    """Make a task known: a class, or "module:Class", whose module is imported, as the user says.

    Raises:
        BadInput: if there is no such class, or it is no task.
    """
    if given is None or (isinstance(given, str) and (":" not in given or is_object(given))):
        return
    if isinstance(given, Task):
        raise BadInput(f"the task is a {type(given).__name__} that is fitted already: give its class")
    name, kind = name_of_task(given), cast(Any, given)
    if isinstance(given, str):
        with current_folder_first():
            kind = named_code(name, "task", "class")
    if not (isinstance(kind, type) and issubclass(kind, Task)):
        raise BadInput(f"{name} is no task: let the class inherit from reweigh.tasks.Task")
    lacking = sorted(getattr(kind, "__abstractmethods__", ()))
    if lacking:
        raise BadInput(f"the task {name} has no {listed(lacking)}: write these methods")
    if not getattr(kind, "measures", ()):
        raise BadInput(f"the task {name} has no measures: give it a tuple of its scores, the score first")
    if "name" not in vars(kind):
        task(name)(kind)
    _TASKS[name] = kind


def name_of_task(given: Any) -> str:
    """What settings call a task: one of ours by its name, a class from elsewhere by where it is written."""
    ours = isinstance(given, type) and given in _TASKS.values() and given.__module__.startswith(_ROOM)
    return str(given.name) if ours else name_of(given)


def known_task(name: object) -> type[Task] | None:
    """The task that is known by that name; None where none is."""
    return _TASKS.get(name) if isinstance(name, str) else None


def check_task(name: str | None) -> None:
    """`name` is that of a task that files are learnt from, or "module:Class", which is looked for where it is used.

    Raises:
        BadInput: naming those that are known.
    """
    if name is not None and name not in column_tasks() and not all(name.partition(":")):
        raise BadInput(f"there is no task {shown(name)}: {meant(name, column_tasks())}")


def task_named(name: str) -> type[Task]:
    """The task of that name.

    Raises:
        BadInput: if none is known by it.
    """
    if name in _TASKS:
        return _TASKS[name]
    if is_object(name):
        raise BadInput(not_given_again(name, "task"))
    if ":" in name:
        raise BadInput(
            f"the task {name!r} is code of somebody's own, which is not used because a file says so: if you trust it, name "
            f"it yourself with --task {name}"
        )
    raise BadInput(f"there is no task {shown(name)}: {meant(name, column_tasks())}")


def column_tasks() -> tuple[str, ...]:
    """The names of the tasks that are learnt from the target columns of a file, in the order in which they came."""
    return tuple(name for name, kind in _TASKS.items() if kind.from_columns and ":" not in name)


def known_tasks() -> tuple[type[Task], ...]:
    """All tasks that are found without being asked for, in the order in which they were made known."""
    return tuple(dict.fromkeys(kind for name, kind in _TASKS.items() if ":" not in name))
