"""Which task a target asks for, where nobody says it: found from its cells, or from the type of y, and told."""

from torch import Tensor

from reweigh.errors import BadInput
from reweigh.tasks.registry import known_tasks, task_named
from reweigh.tasks.targets import Targets
from reweigh.tasks.task import Task
from reweigh.words import shown


def find_task(train: Targets, wanted: str | None) -> tuple[type[Task], str]:
    """The task, and the sentence that says how it was found; `wanted` is the name of the one that was asked for.

    Raises:
        BadInput: the wanted task does not go with the target, or the target names rows rather than classes.
    """
    if len(train.names) > 1:
        return _of_several(train, wanted)
    if wanted is not None:
        return task_named(wanted), f"the task is {wanted} of {shown(train.names[0])}, as asked for"
    if not train.words().values:
        raise BadInput(
            f"the target {shown(train.names[0])} of {train.where} is empty in every row: name another with --target"
        )
    found = ((kind, kind.found_in(train)) for kind in reversed(known_tasks()))  # the most general was made known first
    kind, why = next((kind, why) for kind, why in found if why is not None)
    return kind, f"the task is {kind.name} of {shown(train.names[0])} ({why}; --task says otherwise)"


def _of_several(train: Targets, wanted: str | None) -> tuple[type[Task], str]:
    able = [kind for kind in known_tasks() if kind.several_targets]
    kind = able[0] if wanted is None else task_named(wanted)
    if not kind.several_targets:
        raise BadInput(
            f"{wanted} has one target, but {len(train.names)} columns are named: name one, or use "
            f"{' or '.join(other.name for other in able)}"
        )
    return kind, f"the task is {kind.name}: {len(train.names)} target columns"


def task_of_folders(wanted: str | None) -> tuple[type[Task], str]:
    """The task of a folder with one folder of images a class.

    Raises:
        BadInput: the wanted one has no classes.
    """
    kind = next(kind for kind in known_tasks() if kind.has_classes) if wanted is None else task_named(wanted)
    if not kind.has_classes:
        raise BadInput(f"a folder of images has one class an image, not {wanted}: use a table or arrays for that")
    return kind, f"the task is {kind.name} by folder"


def task_of(y: Tensor, classes: tuple[str, ...]) -> Task:
    """The task that targets of such a type and shape are usually for."""
    kind = next(kind for kind in reversed(known_tasks()) if kind.takes(y))
    return kind(classes)
