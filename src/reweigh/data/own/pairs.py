"""Pairs of texts: a source, and the target that is to be made of it, both cut into the pieces of one vocabulary."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import BadInput
from ...tasks.targets import Tokens
from ...words import counted, shown
from ..scratch import in_memory
from ..stored_files import RaggedFiles
from .columns import Roles, present
from .encode import Encoded
from .joint import JointPieces
from .pair_lines import Fields, Lines, TwoFiles
from .pair_places import files_at
from .paths import Table, kind_of_file, open_table
from .pieces import pieces_for, pieces_of
from .rows import Rows
from .sources import Sources
from .table_rows import read_table
from .tmx_file import tmx_file
from .values import BoolArray, as_words, is_usable

MOST_TOKENS = 128
"""Tokens a side, unless the user asks for more or fewer."""

_BLOCK = 1000  # texts at a time
_MOST_TEXTS = 1_000_000  # of each side, that the vocabulary is made from
_IGNORED = -100


class PairReader:
    """Reads pairs as token ids: sources (N, T), and targets likewise."""

    kind = "pairs"

    def __init__(self, source: str, roles: Roles, pieces: JointPieces, length: int) -> None:
        """Of columns or languages; sides of more than `length` tokens T are left out."""
        self.source, self.roles, self.pieces, self.notes = source, roles, pieces, list[str]()
        self.target_names = roles.targets
        self.input_shape: tuple[int, ...] = (length,)
        self._names = pieces.names
        self._file: Table | None = None
        self.model_options: dict[str, Any] = pieces.told

    @classmethod
    def learned(cls, sources: Sources, tokenizer: str | None = None) -> "PairReader":
        """The reader for the training file, with a vocabulary of both sides, or the pieces that are named.

        Raises:
            BadInput: a side is missing, holds no text, or the pieces cannot be had.
        """
        source, roles = str(sources.source), Roles((str(sources.target),), sources.id_column, sources.clean_column)
        file = open_pairs(sources.train, source, roles)
        for name in (source, *roles.all):
            present(name, file.names, file.path)
        texts = (islice(texts_of(file, name), _MOST_TEXTS) for name in (source, *roles.targets))
        pieces = pieces_for(sources, tokenizer, chain.from_iterable(texts))
        length = max(sources.text_length or MOST_TOKENS, pieces.least)
        reader = cls(source, roles, pieces, min(length, pieces.longest))
        file.keep([source, *roles.all])
        reader._file = file
        return reader

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "PairReader":
        """The reader that `as_json` wrote down."""
        roles = Roles((str(kept["target"]),), kept["id"])
        return cls(str(kept["source"]), roles, pieces_of(kept), int(kept["length"]))

    def as_json(self) -> dict[str, Any]:
        """Both sides, the vocabulary, and how long they may be."""
        return {
            "source": self.source,
            "target": self.target_names[0],
            "id": self.roles.id,
            "length": self.input_shape[0],
        } | self.pieces.as_json()

    def rows(self, path: str, part: str) -> Rows:
        """The pairs at `path`; those that cannot be learned from are marked, and new ones are cut instead."""
        new = part == "new"
        file = (
            self._file if part == "train" and self._file is not None else open_pairs(path, self.source, self.roles, new)
        )
        self._file = None  # read once for both passes, and not kept
        cut, bare = dict[str, BoolArray](), dict[str, BoolArray]()

        def sources(table: Table) -> Encoded:
            x, cut["source"], bare["source"] = self._encoded(table, self.source, "source")
            return Encoded(x, [], {})

        found = read_table(file, part, self.roles, (self.source,), sources)
        if not found.targets:
            return replace(found, notes=(*found.notes, *_cut_notes(cut["source"], found.where, self.input_shape[0])))
        numbers, cut["target"], bare["target"] = self._encoded(file, self.target_names[0], "target")
        tokens = Tokens(numbers, self._names, self.pieces.spelling)
        return replace(found, tokens=tokens, **self._left_out(found, bare["source"] | bare["target"], cut, new))

    def _left_out(self, found: Rows, bare: BoolArray, cut: dict[str, BoolArray], new: bool) -> dict[str, Any]:
        """Which pairs lack a side, or are too long for one, and what is said of them."""
        if new:
            return {"notes": (*found.notes, *_cut_notes(cut["source"], found.where, self.input_shape[0]))}
        long = (cut["source"] | cut["target"]) & ~bare
        said = {
            f"{counted(int(bare.sum()), 'pair')} of {found.where} without a source or a target left out": bare.any(),
            f"{counted(int(long.sum()), 'pair')} of {found.where} with more than {self.input_shape[0]} tokens on a side "
            "left out (--text-length says otherwise)": long.any(),
        }
        told = found.told | {"left out": {"empty": int(bare.sum()), "too long": int(long.sum())}}
        notes = (*found.notes, *(note for note, is_so in said.items() if is_so))
        return {"left_out": bare | long, "notes": notes, "told": told}

    def _encoded(self, file: Table, name: str, side: str) -> tuple[Any, BoolArray, BoolArray]:
        """One side (N, T), in memory or, of many sources, on the disk; which are cut, and empty, (N,) each."""
        shape, is_source = (file.rows, self.input_shape[0]), side == "source"
        fill = self.pieces.spelling.marks.padding if is_source else _IGNORED
        large = is_source and shape[0] * shape[1] * 8 > in_memory()
        kind: Any = np.int64 if is_source else np.int32
        found: Any = RaggedFiles(shape, fill) if large else np.full(shape, fill, dtype=kind)
        long, empty = (np.zeros(file.rows, dtype=bool) for _ in range(2))
        texts = texts_of(file, name)
        for start in range(0, file.rows, _BLOCK):
            part = slice(start, start + _BLOCK)
            block = self.pieces.encode(list(islice(texts, _BLOCK)), shape[1], fill, side)
            found[part], long[part], empty[part] = block
        return found.stored() if large else found, long, empty


def open_pairs(path: str | Path, source: str, roles: Roles, new: bool = False) -> Table:
    """Pairs as a table, with a column for each side: the one that names them where it has such names.

    `new` ones may lack the target: then a line may be a source and nothing else.

    Raises:
        BadInput: nothing is there, or it cannot be read.
    """
    files = files_at(path, (source, roles.targets[0]))
    if len(files) == 2:
        return TwoFiles(files, (source, *roles.targets))
    place = files[0]
    if kind_of_file(place) == ".tmx":
        return tmx_file(place, source, roles.targets[0])
    if kind_of_file(place) in (".csv", ".jsonl", ".ndjson", ".parquet", ".pq") or not place.is_file():
        return open_table(place)
    lines = Lines(place)
    first = [cell.strip() for cell in lines.first.split("\t")]
    if not {source, *roles.targets}.isdisjoint(first):
        return open_table(place)
    return _without_names(lines, first, source, roles, new)


def _without_names(lines: Lines, first: list[str], source: str, roles: Roles, new: bool) -> Fields:
    """Lines of fields; a name that is a number is the place of a field, from 1, else sides are the first two."""
    if new and len(first) == 1:
        return Fields(lines, (source,), (0,))
    names = (source, *roles.all)
    if all(name.isdecimal() and int(name) > 0 for name in names):
        return Fields(lines, names, [int(name) - 1 for name in names])
    if len(first) != 2 or len(names) != 2:
        raise BadInput(
            f"{lines.path} does not begin with names of columns such as {shown(source)}, and has "
            f"{counted(len(first), 'field')} in its first line: add a line of names, or give the places of the fields "
            "from 1, such as --source 3 --target 4"
        )
    found = Fields(lines, names, (0, 1))
    found.notes.append(f"{lines.path} has no names of columns: its first field is the source, the second the target")
    return found


def texts_of(file: Table, name: str) -> Iterator[str]:
    """The texts of a column, one after the other; where nothing stands, an empty one."""
    for cells in file.pieces(name):
        if not is_usable(cells):
            raise BadInput(f"column {shown(name)} of {file.path} holds lists or bytes: name a column of texts")
        for start in range(0, len(cells), _BLOCK):
            yield from map(str.strip, as_words(cells.slice(start, _BLOCK), ()).fill_null("").to_pylist())


def _cut_notes(cut: BoolArray, where: str, length: int) -> list[str]:
    count = int(cut.sum())
    return [f"{counted(count, 'source')} of {where} cut after {length} tokens"] if count else []
