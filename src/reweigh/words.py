"""How messages are worded: what a user's files hold, short and quoted; names that were probably meant; sentences."""

import difflib
from collections.abc import Iterable, Sequence

LONGEST = 40


def shown(value: object) -> str:
    """A value in quotes, cut where it is long: a cell may hold a novel."""
    text = str(value)
    return repr(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def listed(names: Iterable[object], most: int = 8) -> str:
    """Several names in quotes, the first `most` of them."""
    every = list(names)
    rest = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(shown(name) for name in every[:most]) + rest


def meant(name: str, known: Sequence[str]) -> str:
    """The remedy for an unknown name: the nearest known ones, or all there are."""
    folded = {other.casefold(): other for other in known}
    near = [folded[match] for match in difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.6)]
    return f"did you mean {' or '.join(map(shown, near))}" if near else f"choose one of {listed(known)}"


def counted(count: int, what: str) -> str:
    """ "1 row", "2,000 rows"."""
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def sentence(said: str) -> str:
    """A clause as a sentence of its own: the first letter large, a full stop behind."""
    return f"{said[0].upper()}{said[1:]}."


def or_dash(value: float, form: str) -> str:
    """A number in this form, as ".2f"; a dash for NaN, where there is none."""
    return "–" if value != value else format(value, form)


def said_by(refused: Exception) -> str:
    """The first line of what another library said, without its full stop; the error's type where it said nothing."""
    said = str(refused).strip()
    return said.splitlines()[0].rstrip(".") if said else type(refused).__name__
