"""What is known of a setting, said once beside it: what it means, what is usual, and what it may be.

    epochs: int | None = option(None, "How often to go through the data.", usual="20", least=1)

Settings come from a command line, and from a file that a person may edit: `check` holds each value to what is said here.
"""

import difflib
import functools
import math
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from types import MappingProxyType, UnionType
from typing import Any, NamedTuple, TypeVar

from reweigh.errors import BadInput

Found = TypeVar("Found")


class LeftOpen(BadInput):
    """A setting has no value that needs one."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is left open: give it a value")
        self.name = name


@dataclass(frozen=True)
class Option:
    """What is said of a setting.

    Attributes:
        text: what it means; "{}" stands for the `choices`. Of a flag that is on by itself: what turning it off does.
        usual: in words, what is taken where it is left open, where no value says it.
        known: what is taken for data sets known by name.
        own: what is taken for the user's own data.
        choices: the words that it may be.
        elsewhere: what it may be beside them, which has a colon: "module:Class".
        least: the least that it may be; a finite number.
        most: the most.
    """

    text: str
    usual: str | None = None
    known: Any = None
    own: Any = None
    choices: Collection[str] = ()
    elsewhere: tuple[str, ...] = ()
    least: float | None = None
    most: float = math.inf

    def check(self, name: str, value: Any) -> None:
        """Hold a value to the choices and bounds.

        Raises:
            BadInput: naming it, and what it may be.
        """
        if self.choices and value not in self.choices and not (self.elsewhere and all(value.partition(":"))):
            known = [*self.choices, *self.elsewhere]
            raise BadInput(f"{name} {value!r} is not known{near(value, known)}: choose one of {', '.join(known)}")
        if self.least is not None and not self.least <= value < math.inf:
            raise BadInput(f"{name} is {value}: give a number of at least {self.least}")
        if self.most < math.inf and value > self.most:
            raise BadInput(f"{name} is {value}: give a number of at most {self.most}")


class Setting(NamedTuple):
    """A field of a dataclass of settings: the `kinds` of value it takes, its default (or `MISSING`), what is said of it."""

    kinds: tuple[Any, ...]
    default: Any
    option: Option

    @property
    def is_open(self) -> bool:
        """Whether it may be None."""
        return type(None) in self.kinds

    @property
    def holds_many(self) -> bool:
        """Whether it holds words, none or more."""
        return any(typing.get_origin(kind) is tuple for kind in self.kinds)


def option(default: Any, text: str, **more: Any) -> Any:
    """A field of a dataclass of settings; `text` and `more` as in `Option`, and a default of `MISSING` has to be given."""
    return field(default=default, metadata={_OPTION: Option(text, **more)})


def once(ask: Callable[[type], Found]) -> Callable[[type], Found]:
    """What is asked of a class is found out once: the types of its fields are words that have to be read."""
    return functools.cache(ask)


@once
def settings_of(kind: type) -> Mapping[str, Setting]:
    """The settings of a dataclass by name; one that narrows a field of another goes on with what was said there."""
    hints, said = typing.get_type_hints(kind), dict[str, Option]()
    for one in filter(is_dataclass, reversed(kind.__mro__)):
        said |= {told.name: told.metadata[_OPTION] for told in fields(one) if told.metadata}
    found = {told.name: Setting(_kinds(hints[told.name]), told.default, said[told.name]) for told in fields(kind)}
    return MappingProxyType(found)


_OPTION = "option"


def _kinds(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, UnionType) else (hint,)


def check(group: Any) -> None:
    """Hold each field of a dataclass of settings to its type, its choices and its bounds.

    Raises:
        BadInput: naming the first that holds something else.
    """
    for name, setting in settings_of(type(group)).items():
        value = getattr(group, name)
        if value is not None or not setting.is_open:
            _check_type(name, value, setting.kinds)
            setting.option.check(name, value)


def _check_type(name: str, value: Any, kinds: tuple[Any, ...]) -> None:
    if value is None:
        raise LeftOpen(name)
    plain = tuple(typing.get_origin(kind) or kind for kind in kinds)
    if float in plain and type(value) is int:
        return
    if not isinstance(value, plain) or (isinstance(value, bool) and bool not in plain):
        words = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in plain)
        raise BadInput(f"{name} is {value!r}: give a value of type {words}")
    if isinstance(value, tuple) and not all(isinstance(item, str) for item in value):
        raise BadInput(f"{name} is {value!r}: give words only")
    if any("\0" in word for word in (value if isinstance(value, tuple) else (value,)) if isinstance(word, str)):
        raise BadInput(f"{name} is {value!r}: no name and no file has a zero byte, leave it out")


def near(word: str, known: Iterable[str]) -> str:
    """ " (did you mean ...?)", or nothing where no known word is like this one."""
    alike = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {alike[0]!r}?)" if alike else ""
