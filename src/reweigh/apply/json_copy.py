"""A file of JSON lines written again: every byte as it was but the values that change and the lines that go."""

import json
from pathlib import Path
from typing import Any

from reweigh.apply.csv_copy import written_as
from reweigh.apply.edits import Edits
from reweigh.data.own.json_file import JsonFile

_BLANK = " \t\r\n"


def copy_json(file: JsonFile, target: Path, edits: Edits) -> None:
    """Write the opened file to `target`."""
    keys = dict(zip(file.names, file.keys, strict=True))
    with written_as(file.text, target) as out, file.text.lines("\n") as lines:
        row = -1
        for line in lines:
            there = bool(line.strip())
            row += there
            if there and not edits.kept[row]:
                continue
            if there and row in edits.cells:
                for name, cell in zip(edits.targets, edits.cells[row], strict=True):
                    line = with_value(line, keys[name], cell)
            out(line)


def with_value(line: str, key: str, value: Any) -> str:
    """The line of an object with another value of a key, which is put at its end where the object lacks it."""
    decoder, written = json.JSONDecoder(), json.dumps(value, ensure_ascii=False)
    at = _after(line, line.index("{") + 1)
    empty = line[at] == "}"
    while line[at] != "}":
        name, at = decoder.raw_decode(line, at)
        begin = _after(line, _after(line, at) + 1)  # behind the colon
        _, end = decoder.raw_decode(line, begin)
        if name == key:
            return line[:begin] + written + line[end:]
        at = _after(line, end)
        if line[at] == ",":
            at = _after(line, at + 1)
    comma = "" if empty else ", "
    return f"{line[:at]}{comma}{json.dumps(key, ensure_ascii=False)}: {written}{line[at:]}"


def _after(line: str, at: int) -> int:
    while line[at] in _BLANK:
        at += 1
    return at
