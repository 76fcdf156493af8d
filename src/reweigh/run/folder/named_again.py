"""Code that a run's settings name is run only where the user names it as well.

A run folder may come from anybody. Its model can be `module:function`, which is code on this machine or beside the folder,
or `hf:NAME`, which is fetched from the Hugging Face hub. Neither happens because a file says so.
"""

import shlex
from pathlib import Path

from reweigh.errors import BadInput
from reweigh.printable import printable
from reweigh.settings import Settings
from reweigh.tasks import task_named


def check_named_again(model: str | None, named: str | None, what: str, option: str = "model") -> None:
    """The user has named the `model` of the run `what` (or what `option` says), where it is more than a name of one of ours.

    Raises:
        BadInput: if they have not, or have named another.
    """
    if named is not None and named != model:
        raise BadInput(
            f"{what} was made with the {option} {model!r}, not {named!r}: name that one by --{option}, or none"
        )
    if model is not None and ":" in model and named is None:
        kind = "a model from elsewhere" if model.startswith("hf:") else "code of somebody's own"
        raise BadInput(
            f"{what} names {kind}, {model!r}, which is not used because a file says so: if you trust it, name it yourself "
            f"with --{option} {model}"
        )


def check_task_again(task: str | None, named: str | None, what: str) -> None:
    """The user has named the `task` of the run `what`, where it is code of somebody's own and not in use already.

    Raises:
        BadInput: if they have not, or have named another.
    """
    if task is not None and task_named(named or task) is not task_named(task):
        raise BadInput(f"{what} was made with the task {task!r}, not {named!r}: name that one by --task, or none")


def resume_command(folder: Path, config: Settings) -> str:
    """What to type to go on with a run."""
    code = {"model": config.student.model, "task": config.task, "rule": config.weights.rule}
    named = "".join(f" --{option} {shlex.quote(name)}" for option, name in code.items() if name and ":" in name)
    return f"reweigh train --output {shlex.quote(printable(folder))}{named} --resume"
