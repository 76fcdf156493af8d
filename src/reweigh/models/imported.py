"""A model from the user's own code: `mymodule:build`, a function of the input's shape and the number of outputs.

The module is looked for in the current folder first, then among what is installed. The function is called as
`build(input_shape, outputs, **options)` with those options it has a place for, such as `categories` or `vocabulary`.
"""

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from reweigh.errors import BadInput
from reweigh.named_code import current_folder_first, first_line, name_of, named_code


def imported(name: str | Callable[..., Any], input_shape: tuple[int, ...], classes: int, **options: Any) -> nn.Module:
    """What the function `name` ("module:function", or the function itself) builds.

    Raises:
        BadInput: if there is no such module or function, it fails, or gives no `torch.nn.Module`.
    """
    with current_folder_first():
        build = named_code(name, "model") if isinstance(name, str) else name
        name = name_of(name)
        try:
            model = build(input_shape, classes, **_accepted(build, options))
        except Exception as failed:  # whatever the user's code raises
            raise BadInput(f"the model {name!r} could not be built: {first_line(failed)}") from failed
    if not isinstance(model, nn.Module):
        raise BadInput(f"{name} gave a {type(model).__name__}: let it return a torch.nn.Module")
    return model


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
