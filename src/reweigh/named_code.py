"""Code of the user's own, named `module:name`: looked for in the current folder first, then among what is installed.

What a caller in Python gives as an object has a name too, for settings that say what a run was made with. A class or a
function that can be imported is called `module:name`; anything else by its class, "object:module.Class", of which nobody can
make it.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeGuard

from reweigh.errors import BadInput

_OBJECT = "object:"


@contextmanager
def current_folder_first() -> Iterator[None]:
    """Imports look into the current folder before anywhere else."""
    before, here = list(sys.path), os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path[:] = before


def named_code(name: str, what: str, kind: str = "function") -> Callable[..., Any]:
    """What `name` ("module:name") stands for; `what` it is to be is the option's name, such as "model".

    Raises:
        BadInput: if there is no such module, it cannot be imported, or holds nothing of that name that can be called.
    """
    module, _, attribute = name.partition(":")
    whose = f"the {what} {name!r}"
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.partition(".")[0] and missing.name != module:
            raise BadInput(f"the module {module!r} of {whose} cannot be imported: {missing}") from missing
        raise BadInput(
            f"there is no module {module!r} in {os.getcwd()} or among what is installed: {whose} means the "
            f"{kind} {attribute!r} of {module}.py"
        ) from missing
    except Exception as failed:  # whatever the user's code raises
        raise BadInput(f"the module {module!r} of {whose} cannot be imported: {first_line(failed)}") from failed
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise BadInput(f"the module {module!r} has no {kind} {attribute!r}: write --{what} {module}:{kind.upper()}")
    called: Callable[..., Any] = found
    return called


def first_line(failed: Exception) -> str:
    """The kind of an error and what it says, in one line."""
    return f"{type(failed).__name__}: {failed}".rstrip(": ").splitlines()[0]


def name_of(thing: Any) -> str:
    """The name of an object that was given in the place of one; a name is its own."""
    if isinstance(thing, str):
        return thing
    kind = thing if hasattr(thing, "__qualname__") else type(thing)
    found: Any = None if kind is not thing or kind.__module__ == "__main__" else sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return (
        f"{kind.__module__}:{kind.__qualname__}"
        if found is thing
        else f"{_OBJECT}{kind.__module__}.{kind.__qualname__}"
    )


def is_object(name: object) -> TypeGuard[str]:
    """Whether a name is of something that only exists in Python."""
    return isinstance(name, str) and name.startswith(_OBJECT)


def not_given_again(name: str, option: str) -> str:
    """What is to be said where the object of that name is not there."""
    return (
        f"the {option} is an object from Python, of {name.removeprefix(_OBJECT)}, and no file holds it: give it again, as "
        f"reweigh.load(folder, {option}=...), or to go on as reweigh.fit(output=folder, {option}=..., resume=True)"
    )
