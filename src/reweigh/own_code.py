"""Code of the user's own by its name, `mymodule:build`."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reweigh.errors import BadInput


def own_code(name: str, what: str, kind: str = "function") -> Callable[..., Any]:
    """The function or class `name` ("module:function"); `what` says what it is for, and is the option that names it.

    Raises:
        BadInput: if there is no such module or function, or the module fails.
    """
    module, _, function = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.partition(".")[0] and missing.name != module:
            raise BadInput(f"the module {module!r} of the {what} {name!r} cannot be imported: {missing}") from missing
        raise BadInput(
            f"there is no module {module!r} in {os.getcwd()} or among what is installed: the {what} {name!r} means the "
            f"{kind} {function!r} of {module}.py"
        ) from missing
    except Exception as failed:  # whatever the user's code raises
        raise BadInput(f"the module {module!r} of the {what} {name!r} cannot be imported: {told(failed)}") from failed
    for part in function.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise BadInput(f"the module {module!r} has no {kind} {function!r}: write --{what} {module}:{kind.upper()}")
    called: Callable[..., Any] = found
    return called


@contextmanager
def current_folder_first() -> Iterator[None]:
    """Modules are looked for in the current folder first."""
    before, here = list(sys.path), os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path[:] = before


def told(failed: Exception) -> str:
    """What the user's code raised, in one line."""
    return f"{type(failed).__name__}: {failed}".rstrip(": ").splitlines()[0]
