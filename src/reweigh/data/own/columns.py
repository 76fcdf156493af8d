"""Which column plays which part: target, name, mark of checked rows, what is right of them; others are learned from."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ...errors import BadInput
from ...fields import LABEL_NAMES
from ...words import listed, meant, shown
from .sources import Sources


class Roles(NamedTuple):
    """The columns that are not learned from, by what they are for."""

    targets: tuple[str, ...]
    id: str | None = None
    checked: str | None = None
    right: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        """Every column that has a role."""
        return (*self.targets, *(name for name in (self.id, self.checked, self.right) if name is not None))


def find_roles(sources: Sources, names: Sequence[str], path: Path) -> Roles:
    """The columns that the user named, or the target that its name gives away.

    Raises:
        BadInput: a column is not there, or plays two parts.
    """
    for name, option in (
        (sources.id_column, "id-column"),
        (sources.clean_column, "clean-column"),
        (sources.clean_target, "clean-target"),
        (sources.text, "text"),
    ):
        if name is not None:
            present(name, names, path, f"--{option}")
    for name in sources.drop:
        present(name, names, path, "--drop")
    targets = _targets(sources.target, names, path)
    if sources.clean_target is not None and len(targets) > 1:
        raise BadInput(
            f"--clean-target is one column, and the targets of {path} are {len(targets)}: save the checked rows, with what "
            "is right, in a file of their own for --clean"
        )
    roles = Roles(targets, sources.id_column, sources.clean_column, sources.clean_target)
    both = next((name for name in roles.all if roles.all.count(name) > 1 or name == sources.text), None)
    if both is not None:
        raise BadInput(f"column {shown(both)} of {path} is named for two parts: name another column for one of them")
    return roles


def present(name: str, names: Sequence[str], path: Path, option: str = "") -> str:
    """`name`, once it is known to be a column.

    Raises:
        BadInput: naming the columns that were probably meant.
    """
    if name in names:
        return name
    for_what = f" ({option})" if option else ""
    remedy = meant(name, names)
    if any(_is_number(other) for other in names):
        remedy = "add a line of column names at the top, the first line looks like data"
    raise BadInput(f"{path} has no column {shown(name)}{for_what}: {remedy}")


def present_all(names: Sequence[str], known: Sequence[str], path: Path) -> None:
    """Every name is a column.

    Raises:
        BadInput: naming the first that is not.
    """
    there = set(known)
    missing = next((name for name in names if name not in there), None)
    if missing is not None:
        present(missing, known, path)


def _targets(wanted: str | None, names: Sequence[str], path: Path) -> tuple[str, ...]:
    if wanted is None:
        usual = [name for name in names if name.casefold() in (*LABEL_NAMES, "class")]
        if len(usual) == 1:
            return (usual[0],)
        raise BadInput(
            f"{path} has several columns or none that could be the target: name one of {listed(names)} with --target"
        )
    if wanted in names:
        return (wanted,)
    parts = tuple(part.strip() for part in wanted.split(",") if part.strip()) or (wanted,)
    for part in parts:
        present(part, names, path, "--target")
    return parts


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
