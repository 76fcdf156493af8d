"""A model from the user's own code: `mymodule:build`, a function of the input's shape and the number of outputs.

The module is looked for in the current folder first, then among what is installed. The function is called as
`build(input_shape, outputs, **options)` with those options it has a place for, such as `categories` or `vocabulary`.
"""

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from reweigh.errors import BadInput


def imported(name: str, input_shape: tuple[int, ...], classes: int, **options: Any) -> nn.Module:
    """What the function `name` ("module:function") builds.

    Raises:
        BadInput: if there is no such module or function, it fails, or gives no `torch.nn.Module`.
    """
    with _current_folder_first():
        build = _function(name)
        try:
            model = build(input_shape, classes, **_accepted(build, options))
        except Exception as failed:  # whatever the user's code raises
            raise BadInput(f"the model {name!r} could not be built: {_told(failed)}") from failed
    if not isinstance(model, nn.Module):
        raise BadInput(f"{name} gave a {type(model).__name__}: let it return a torch.nn.Module")
    return model


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module.partition(".")[0] and missing.name != module:
            raise BadInput(f"the module {module!r} of the model {name!r} cannot be imported: {missing}") from missing
        raise BadInput(
            f"there is no module {module!r} in {os.getcwd()} or among what is installed: the model {name!r} means the "
            f"function {function!r} of {module}.py"
        ) from missing
    except Exception as failed:  # whatever the user's code raises
        raise BadInput(f"the module {module!r} of the model {name!r} cannot be imported: {_told(failed)}") from failed
    for part in function.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise BadInput(f"the module {module!r} has no function {function!r}: write --model {module}:FUNCTION")
    called: Callable[..., Any] = found
    return called


def _accepted(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Those options that the function has a place for."""
    try:
        places = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some callables do not tell
        return {}
    if any(place.kind is place.VAR_KEYWORD for place in places):
        return options
    names = {place.name for place in places if place.kind in (place.KEYWORD_ONLY, place.POSITIONAL_OR_KEYWORD)}
    return {name: value for name, value in options.items() if name in names}


@contextmanager
def _current_folder_first() -> Iterator[None]:
    before, here = list(sys.path), os.getcwd()
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path[:] = before


def _told(failed: Exception) -> str:
    return f"{type(failed).__name__}: {failed}".rstrip(": ").splitlines()[0]
