"""Of which type the labels were before they became names of classes, so that predictions can be compared with them.

A class is a name to reweigh; to a program whose labels are numbers, "1" is not 1.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.data.own import Encoding
from reweigh.data.own.json_file import JsonFile
from reweigh.data.own.npz_file import Array, NpzFile
from reweigh.data.own.parquet_file import SUFFIXES, parts_at
from reweigh.data.own.paths import JSON, kind_of_file
from reweigh.data.own.sources import OUTSIDE
from reweigh.data.own.targets import as_classes
from reweigh.data.own.values import is_text
from reweigh.errors import require

TEXT = "string"


def labels_of(train: str, encoding: Encoding) -> tuple[str, dict[str, str]]:
    """What the labels were.

    - The name of an Arrow type: int64, double, bool, ..., or "string" where they are words, several, or numbers to learn. A
      CSV file has no types: there they are whole numbers where all classes are written as such.
    - From the name of a class to the text that stands for it in a file with types, where they differ: " a ", "False". Not
      for a class that was written in several ways: there is no one text to give back.
    """
    if len(encoding.targets) > 1 or encoding.kind in ("images", "pairs", OUTSIDE):
        return TEXT, {}
    path, target = Path(train), encoding.targets[0]
    if path.suffix == ".npz":
        return _of_arrays(NpzFile(path).load(target))
    if path.suffix in SUFFIXES or parts_at(path):
        return _of_parquet((parts_at(path) or [path])[0], target)
    if kind_of_file(path) in JSON:
        return _of_cells(JsonFile(path).pieces(target))
    whole = all(name.removeprefix("-").isdecimal() and str(int(name)) == name for name in encoding.classes)
    return ("int64" if whole else TEXT), {}


def _of_arrays(labels: Array) -> tuple[str, dict[str, str]]:
    pa, kind = require("pyarrow", "cli"), labels.dtype
    if kind.kind == "U":
        return TEXT, _spelled(pa.array(np.unique(labels).tolist()))
    return (_named(pa.from_numpy_dtype(kind)) if kind.kind in "biu" or kind.itemsize <= 8 else TEXT), {}


def _of_parquet(path: Path, target: str) -> tuple[str, dict[str, str]]:
    parquet = require("pyarrow.parquet", "cli")
    field = next((field for field in parquet.read_schema(path) if field.name.strip() == target), None)
    if field is None:
        return TEXT, {}
    kind = _named(field.type)
    if kind != TEXT:
        return kind, {}
    cells = parquet.read_table(path, columns=[field.name]).column(0).unique().drop_null()
    return TEXT, _spelled(cells) if is_text(cells) else {}


def _of_cells(pieces: Iterator[Any]) -> tuple[str, dict[str, str]]:
    """Of the cells of a column of one type."""
    pa, found = require("pyarrow", "cli"), list[Any]()
    for piece in pieces:
        if _named(piece.type) != TEXT:
            return _named(piece.type), {}
        found.append(piece.unique())
    return TEXT, _spelled(pa.chunked_array(found).unique().drop_null())


def _spelled(cells: Any) -> dict[str, str]:
    """From names to texts, of texts that are there once each."""
    words, texts = as_classes(cells), cells.to_pylist()
    named = [(words.values[code], text) for code, text in zip(words.codes.tolist(), texts, strict=True) if code >= 0]
    several = Counter(name for name, _ in named)
    return {name: text for name, text in named if name != text and several[name] == 1}


def _named(kind: Any) -> str:
    kinds = require("pyarrow.types", "cli")
    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    return str(kind) if kinds.is_integer(kind) or kinds.is_boolean(kind) or kinds.is_floating(kind) else TEXT


def as_labels(names: list[str], kind: str, spelled: Mapping[str, str]) -> Any:
    """(N,) names of classes as labels of that type, or `spelled` as they were; as text where one is no such value."""
    pa = require("pyarrow", "cli")
    words = np.array([spelled.get(name, name) for name in names], dtype=object)
    if kind == TEXT:
        return words
    try:
        return pa.array(names, pa.string()).cast(pa.type_for_alias(kind)).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, ValueError):
        return words
