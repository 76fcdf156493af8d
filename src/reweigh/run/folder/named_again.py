"""Code that a run's settings name is run only where the user names it as well.

A run folder may come from anybody. Its model can be `module:function`, which is code on this machine or beside the folder,
or `hf:NAME`, which is fetched from the Hugging Face hub. Neither happens because a file says so. What was an object in
Python is in no file, and is given again.
"""

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reweigh.errors import BadInput
from reweigh.named_code import is_object, name_of, not_given_again
from reweigh.printable import printable


def check_named_again(
    name: str | None,
    again: Any,
    what: str,
    option: str = "model",
    in_use: Callable[[str], Any] = lambda name: None,
) -> None:
    """The user has named again, or given, what the run `what` calls `name`, where that is more than a name of one of ours.

    Args:
        name: of the run's model, or of what else `option` says.
        again: as the user names it, or the object itself; None where nothing was said.
        what: begins the sentence.
        option: as the command line calls it.
        in_use: from a name to what the user has brought in under it before; None where that is nothing.

    Raises:
        BadInput: if they have not, or have named another.
    """
    if name is None:
        return
    here, said = in_use(name), None if again is None else name_of(again)
    given_back = is_object(name) and again is not None and not isinstance(again, str)
    if said not in (None, name) and not given_back and (here is None or in_use(str(said)) is not here):
        raise BadInput(
            f"{what} was made with the {option} {name!r}, not {said!r}: name that one by --{option}, or none"
        )
    if ":" not in name or again is not None or here is not None:
        return
    if is_object(name):
        raise BadInput(f"of {what} {not_given_again(name, option)}")
    kind = "a model from elsewhere" if name.startswith("hf:") else "code of somebody's own"
    raise BadInput(
        f"{what} names {kind}, {name!r}, which is not used because a file says so: if you trust it, name it yourself "
        f"with --{option} {name}"
    )


def resume_command(folder: Path, named: Mapping[str, str | None], processes: int = 1) -> str:
    """What to type to go on with a run, in a shell, or in Python where an object has to be given again.

    `named` are the run's model, rule and task; `processes`, how many of them trained it.
    """
    code = {option: name for option, name in named.items() if name and ":" in name}
    if any(map(is_object, code.values())):
        again = "".join(f"{option}=..., " for option in code)
        return f"reweigh.fit(output={printable(folder)!r}, {again}resume=True)"
    options = "".join(f" --{option} {shlex.quote(name)}" for option, name in code.items())
    command = "reweigh" if processes == 1 else f"torchrun --nproc-per-node {processes} -m reweigh"
    return f"{command} train --output {shlex.quote(printable(folder))}{options} --resume"
