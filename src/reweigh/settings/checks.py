"""Checks of single settings: settings come from a command line, and from a file that a person may edit."""

import difflib
import math
import types
import typing
from collections.abc import Collection, Iterable
from typing import Any

from reweigh.errors import BadInput


def check_types(settings: Any) -> None:
    """Hold each field of a dataclass to its annotation (plain types, `X | None`, tuples of words).

    Raises:
        BadInput: naming the first field that holds something else.
    """
    for name, wanted in typing.get_type_hints(type(settings)).items():
        value = getattr(settings, name)
        options = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
        plain = tuple(typing.get_origin(option) or option for option in options)
        if float in plain and type(value) is int:
            continue
        if not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain):
            words = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in plain)
            raise BadInput(f"{name} is {value!r}: give a value of type {words}")
        if isinstance(value, tuple) and not all(isinstance(item, str) for item in value):
            raise BadInput(f"{name} is {value!r}: give words only")
        if any("\0" in word for word in (value if isinstance(value, tuple) else (value,)) if isinstance(word, str)):
            raise BadInput(f"{name} is {value!r}: no name and no file has a zero byte, leave it out")


def choose(name: str, value: str | None, known: Collection[str]) -> None:
    """`value` is None or one of the `known` words, or `BadInput` says which there are."""
    if value is not None and value not in known:
        raise BadInput(f"{name} {value!r} is not known{near(value, known)}: choose one of {', '.join(known)}")


def at_most(name: str, value: float | None, most: float) -> None:
    """`value` is None or a number of at most `most`."""
    if value is not None and value > most:
        raise BadInput(f"{name} is {value}: give a number of at most {most}")


def near(word: str, known: Iterable[str]) -> str:
    """ " (did you mean ...?)", or nothing where no known word is like this one."""
    alike = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {alike[0]!r}?)" if alike else ""


def at_least(name: str, value: float | None, least: float) -> None:
    """`value` is None or a finite number of at least `least`."""
    if value is not None and not least <= value < math.inf:
        raise BadInput(f"{name} is {value}: give a number of at least {least}")
