"""Code of the user's own, named `module:name`: looked for in the current folder first, then among what is installed."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reweigh.errors import BadInput


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
