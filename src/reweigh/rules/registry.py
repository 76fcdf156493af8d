"""The rules by name. A rule says in its own file what it is called, what it needs and how it is made:

    @dataclass(frozen=True)
    class Options:
        share: float = 0.1

    @rule("my-rule", needs={"classes"}, options=Options)
    class MyRule(Rule): ...

Whoever trains asks here, and never by a rule's name. Every module of this room is looked through; a rule written elsewhere
is named as `module:Class`, and need not be decorated where it needs nothing and takes no options.
"""

import functools
import importlib
import os
import pkgutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from reweigh.errors import BadInput, ReweighError
from reweigh.named_code import current_folder_first, first_line, is_object, named_code, not_given_again
from reweigh.rules.learned import LearnedOptions, LearnedRule
from reweigh.rules.materials import Materials, NoOptions
from reweigh.rules.rule import Rule

R = TypeVar("R", bound=type[Rule])
_ROOM, _FOLDER = __name__.rpartition(".")[0], os.path.dirname(__file__)
DEFAULT = "l2rw"
"""The rule where none is named."""
PLAIN = "uniform"
"""The rule that weighs all examples alike."""
AUTO = "auto"
"""In the place of a rule: it is chosen among some by held-back examples, and then stands there itself."""


@dataclass(frozen=True)
class Entry:
    """What is known of a rule.

    Attributes:
        kind: its class.
        needs: of `Materials`, what it cannot be made without: "classes", "truth", "second model".
        options: a frozen dataclass with a default for each field.
        title: as people call it.
    """

    kind: type[Rule]
    needs: frozenset[str] = frozenset()
    options: type[Any] = NoOptions
    title: str = ""

    @property
    def learns(self) -> bool:
        """Whether it has parameters of its own, which the clean loss trains: then it needs the student's optimizer."""
        return issubclass(self.kind, LearnedRule)

    def make(self, materials: Materials, options: Any = None) -> Rule:
        """A rule, told of all that it needs.

        Raises:
            BadInput: if something that it needs is not there, or an option cannot be used.
        """
        materials.check_has(self.needs, self.kind.name)
        try:
            made = self.kind.made(materials, self.options() if options is None else options)
        except ReweighError:
            raise
        except Exception as failed:  # the constructor may be a user's own
            raise BadInput(f"the rule {self.kind.name} could not be made: {first_line(failed)}") from failed
        made.prepare(materials)
        return made


def rule(
    name: str, *, needs: Collection[str] = (), options: type[Any] | None = None, title: str = ""
) -> Callable[[R], R]:
    """Make a class known under a name; the arguments are as in `Entry`."""

    def known(kind: R) -> R:
        usual = LearnedOptions if issubclass(kind, LearnedRule) else NoOptions
        kind.name, kind.entry = name, Entry(kind, frozenset(needs), options or usual, title or name)
        return kind

    return known


def names() -> list[str]:
    """The names of the rules that come with reweigh: the default first, those that learn last."""
    return list(_all())


def inside(name: str | None) -> Entry | None:
    """The rule of this name, or None where it is one written outside, whose code is not run by asking."""
    return _all().get(name or "")


def entry_of(name: str) -> Entry:
    """The rule of this name, or the class that `module:Class` names.

    Raises:
        BadInput: if there is none, or it is an object that is not given here.
    """
    if is_object(name):
        raise BadInput(not_given_again(name, "rule"))
    found = inside(name)
    if found is not None:
        return found
    if ":" not in name:
        raise BadInput(f"rule {name!r} is not known: choose one of {', '.join(names())}, or module:Class")
    with current_folder_first():
        kind = named_code(name, "rule", "class")
    if not (isinstance(kind, type) and issubclass(kind, Rule)):
        raise BadInput(f"the rule {name!r} is no class of rules: let it inherit from reweigh.rules.Rule")
    return entry_for(kind, name)


def entry_for(kind: type[Rule], name: str) -> Entry:
    """What is known of a class; it is made known under `name` where it was not."""
    if "entry" not in vars(kind):
        rule(vars(kind).get("name", name))(kind)
    own: Entry = vars(kind)["entry"]
    return own


def offered(has: Collection[str]) -> list[str]:
    """The names of the rules that need nothing beyond this."""
    return [name for name, entry in _all().items() if entry.needs <= set(has)]


def options_from(entry: Entry, settings: Mapping[str, Any], words: Sequence[str] = ()) -> Any:
    """A rule's options out of settings of the same names, and out of words such as "share=0.2".

    Raises:
        BadInput: for an option that the rule has not, or a value of another kind.
    """
    wanted = get_type_hints(entry.options)
    values = {f.name: settings[f.name] for f in fields(entry.options) if f.name in settings}
    own = [name for name in wanted if name not in settings]
    for word in words:
        name, is_, value = word.partition("=")
        if not is_ or name not in own:
            has = f"it has {', '.join(own)}" if own else "it has none"
            raise BadInput(f"the rule {entry.kind.name} has no option {word!r}: {has}, written as NAME=VALUE")
        values[name] = _as(value, wanted[name], f"{name} of the rule {entry.kind.name}")
    return entry.options(**values)


def _as(word: str, kind: Any, whose: str) -> Any:
    alone = not get_args(kind) or get_origin(kind) is tuple
    kinds = [kind] if alone else [one for one in get_args(kind) if one is not type(None)]
    try:
        if get_origin(kinds[0]) is tuple:
            return tuple(part.strip() for part in word.split(",") if part.strip())
        if bool in kinds:
            return {"true": True, "yes": True, "false": False, "no": False}[word.lower()]
        return kinds[0](word)
    except (KeyError, ValueError, TypeError) as wrong:
        named = " or ".join(getattr(one, "__name__", str(one)) for one in kinds)
        raise BadInput(f"{whose} is {word!r}: give a value of type {named}") from wrong


@functools.cache
def _all() -> dict[str, Entry]:
    modules = [importlib.import_module(f"{_ROOM}.{module.name}") for module in pkgutil.iter_modules([_FOLDER])]
    found = {
        kind.name: vars(kind)["entry"]
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Rule) and "entry" in vars(kind)
    }
    return dict(sorted(found.items(), key=lambda item: (item[1].learns, item[0] != DEFAULT, item[0])))
