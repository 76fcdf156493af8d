"""Of which type the labels were before they became names of classes, so that predictions can be compared with them.

A class is a name to reweigh; to a program whose labels are numbers, "1" is not 1.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.data.own import Encoding
from reweigh.data.own.npz_file import NpzFile
from reweigh.data.own.targets import as_classes
from reweigh.data.own.values import is_text
from reweigh.errors import require

TEXT = "string"


def label_type(train: str, encoding: Encoding) -> str:
    """The name of an Arrow type: int64, double, bool, ..., or "string" where labels are words, several, or numbers to learn.

    A CSV file has no types: there they are whole numbers where all classes are written as such.
    """
    if len(encoding.targets) > 1 or encoding.kind == "images":
        return TEXT
    path, target = Path(train), encoding.targets[0]
    if path.suffix == ".npz":
        pa, kind = require("pyarrow", "cli"), NpzFile(path).load(target).dtype
        return _named(pa.from_numpy_dtype(kind)) if kind.kind in "biu" or kind.itemsize <= 8 else TEXT
    if path.suffix in (".parquet", ".pq"):
        schema = require("pyarrow.parquet", "cli").read_schema(path)
        return next((_named(field.type) for field in schema if field.name.strip() == target), TEXT)
    whole = all(name.removeprefix("-").isdecimal() and str(int(name)) == name for name in encoding.classes)
    return "int64" if whole else TEXT


def spellings(train: str, encoding: Encoding) -> dict[str, str]:
    """From the name of a class to the text that stands for it in a file with types, where they differ: " a ", "False".

    Nothing where one class was written in several ways: then there is no one text to give back.
    """
    path = Path(train)
    if len(encoding.targets) > 1 or path.suffix not in (".npz", ".parquet", ".pq"):
        return {}
    cells = _cells(path, encoding.targets[0])
    if cells is None or not is_text(cells):
        return {}
    words, texts = as_classes(cells), cells.to_pylist()
    named = [(words.values[code], text) for code, text in zip(words.codes.tolist(), texts, strict=True) if code >= 0]
    several = Counter(name for name, _ in named)
    return {name: text for name, text in named if name != text and several[name] == 1}


def _cells(path: Path, target: str) -> Any:
    """What stands in the target's column, each text once; None where there is no such column, or no text in it."""
    if path.suffix == ".npz":
        array = NpzFile(path).load(target)
        return require("pyarrow", "cli").array(np.unique(array).tolist()) if array.dtype.kind == "U" else None
    parquet = require("pyarrow.parquet", "cli")
    name = next((field.name for field in parquet.read_schema(path) if field.name.strip() == target), None)
    return None if name is None else parquet.read_table(path, columns=[name]).column(0).unique().drop_null()


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
