"""Translation memories, TMX 1.4: a `tu` a pair, a `tuv` a language, and the text in `seg`.

Inline codes (`bpt`, `ept`, `it`, `ph`) are left out with what they hold, highlighted text (`hi`) is text. A file that
declares entities of its own is refused, and nothing outside of it is ever read.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from ...errors import BadInput
from .pair_lines import TableOf
from .text_file import DAMAGED, TextFile, unreadable

ID = "tuid"
"""The column of names, where units have some."""

_BLANKS = re.compile("[ \t\r\n]+")
_CODES = frozenset({"bpt", "ept", "it", "ph", "ut"})


def tmx_file(path: Path, source: str, target: str) -> TableOf:
    """The units that have both languages, in columns of their names and `ID`.

    Raises:
        BadInput: the file cannot be read, or no unit has both.
    """
    text = TextFile(path)
    table = TableOf(path, (source, target, ID), lambda: _pairs(text, (source, target)))
    counts = {"units": 0, "pairs": 0}
    languages: set[str] = set()
    for unit in _units(text):
        counts["units"] += 1
        languages |= unit.texts.keys()
        counts["pairs"] += all(unit.said(side) is not None for side in (source, target))
    if not counts["pairs"]:
        known = ", ".join(sorted(languages)) or "none"
        raise BadInput(
            f"{path} has no unit in both {source!r} and {target!r}: name two of its languages ({known}) by --source and "
            "--target"
        )
    if counts["units"] > counts["pairs"]:
        left = counts["units"] - counts["pairs"]
        table.notes.append(
            f"{left:,} of {counts['units']:,} units of {path} lack one of both languages and are left out"
        )
    return table


def _pairs(text: TextFile, sides: tuple[str, str]) -> Iterator[tuple[str | None, ...]]:
    for unit in _units(text):
        found = [unit.said(side) for side in sides]
        if None not in found:
            yield (*found, unit.name)


class _Unit:
    def __init__(self, name: str | None) -> None:
        self.name, self.texts = name, dict[str, str]()

    def said(self, language: str) -> str | None:
        """The text in a language, or in a variety of it: "de" finds "de-AT"."""
        wanted = language.lower().replace("_", "-")
        for known, text in self.texts.items():
            if known == wanted or known.startswith(f"{wanted}-"):
                return text
        return None


class _Reading:
    """What the parser calls; whole units gather in `done`."""

    def __init__(self, path: Path) -> None:
        self.done: list[_Unit] = []
        self._path, self._unit, self._language = path, _Unit(None), ""
        self._in_segment, self._codes, self._parts = False, 0, list[str]()
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._start, self._end
        self.parser.CharacterDataHandler, self.parser.EntityDeclHandler = self._text, self._refuse

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "tu":
            self._unit = _Unit(attributes.get("tuid"))
        elif tag == "tuv":
            self._language = attributes.get("xml:lang", attributes.get("lang", "")).lower().replace("_", "-")
        elif tag == "seg":
            self._in_segment, self._codes, self._parts = True, 0, []
        elif tag in _CODES:
            self._codes += 1

    def _text(self, data: str) -> None:
        if self._in_segment and not self._codes:
            self._parts.append(data)

    def _end(self, tag: str) -> None:
        if tag == "seg":
            self._in_segment = False
            self._unit.texts.setdefault(self._language, _BLANKS.sub(" ", "".join(self._parts)).strip())
        elif tag in _CODES:
            self._codes -= 1
        elif tag == "tu":
            self.done.append(self._unit)

    def _refuse(self, name: str, *_: Any) -> None:
        raise BadInput(
            f"{self._path} declares the entity {name!r}, which is not believed: write texts out, and leave it out"
        )


def _units(text: TextFile) -> Iterator[_Unit]:
    reading = _Reading(text.path)
    try:
        with text.opened() as file:
            while block := file.read(1 << 16):
                reading.parser.Parse(block, False)
                yield from reading.done
                reading.done.clear()
            reading.parser.Parse(b"", True)
    except expat.ExpatError as broken:
        raise BadInput(
            f"{text.path} is no TMX file as far as line {broken.lineno} ({expat.ErrorString(broken.code)}): mend it, or "
            "write the pairs with a tab between both sides"
        ) from broken
    except DAMAGED as refused:
        raise unreadable(text.path, refused) from refused
