"""The options of `reweigh train`, derived from the settings: what each means is said once, beside the setting."""

from dataclasses import MISSING
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypedDict

from cyclopts import Group, Parameter

from reweigh.options import Setting, settings_of
from reweigh.settings.settings import groups

Flag: TypeAlias = Annotated[bool, Parameter(negative=(), show_default=False)]
"""An option that is said or not."""
ModelAgain: TypeAlias = Annotated[
    str | None, Parameter(help="The run's model, said again, where it is your own code or from Hugging Face.")
]
TaskAgain: TypeAlias = Annotated[str | None, Parameter(help="The run's task, said again, where it is your own code.")]
DataRoot: TypeAlias = Annotated[str | None, Parameter(help="Where data sets lie, if not where the run found them.")]

KINDS: list[Any] = [kind for kinds in groups().values() for kind in kinds]
"""The classes of settings, one a panel of the help."""
PANELS = {kind: Group(kind.title, sort_key=place) for place, kind in enumerate(KINDS)}


def told(setting: Setting) -> str:
    """What an option means, and what it is where it is left out."""
    option, default = setting.option, setting.default
    usual = option.usual or _word(option.known if default in (MISSING, None, ()) else default)
    if option.own not in (None, option.known):
        usual = f"{usual}; {_word(option.own)} for your own data"
    text = option.text.format(", ".join(option.choices))
    return f"{text} Default: {usual}." if usual else text


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _annotation(setting: Setting, panel: Group) -> Any:
    option = setting.option
    kind: Any = next(kind for kind in setting.kinds if kind is not type(None))
    if setting.holds_many:
        kind = list[str]
    elif option.choices and not option.elsewhere:
        kind = Literal[tuple(option.choices)]
    return Annotated[kind, Parameter(help=told(setting), group=panel)]


if TYPE_CHECKING:
    Said = dict[str, Any]
else:
    Said = TypedDict(
        "Said",
        {name: _annotation(setting, PANELS[kind]) for kind in KINDS for name, setting in settings_of(kind).items()},
        total=False,
    )
"""The settings that were said, by their names, and no others: so a resumed run can tell what was said again."""
