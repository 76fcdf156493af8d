"""Texts: one column of a table, cut into the pieces of a vocabulary."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np

from ... import minilm
from ...errors import BadInput
from ...words import counted, listed, shown
from ..scratch import in_memory
from ..stored_files import RaggedFiles
from .columns import Roles, find_roles
from .encode import Encoded
from .paths import Table, open_table
from .rows import Rows
from .sources import Sources
from .table_rows import read_table
from .terms import Terms
from .values import as_words, is_usable
from .vocabulary import Borrowed, Vocabulary, trained

MOST_TOKENS = 128
"""Tokens a text, unless the user asks for more."""

LONGEST = 100_000
"""Characters of a text that are looked at."""

OPEN = "open"
"""In the place of a tokenizer: MiniLM's, where it is installed and there are no more texts than it reads in minutes."""
MOST_READ = 20_000

_BLOCK = 1000  # texts at a time
_MOST_TEXTS, _MOST_CHARACTERS = 200_000, 50_000_000  # that the vocabulary is made from
_MOST_WEIGHED = 20_000  # that terms are counted in


class TextReader:
    """Reads one column as token ids, (N, T)."""

    kind = "text"

    def __init__(self, column: str, roles: Roles, vocabulary: Vocabulary | Borrowed, length: int) -> None:
        """Texts of `column`, cut or padded to `length` tokens T."""
        self.column, self.roles, self.vocabulary, self.notes = column, roles, vocabulary, list[str]()
        self.target_names = roles.targets
        self._file: Table | None = None
        self.input_shape: tuple[int, ...] = (length,)
        self.model_options: dict[str, Any] = {"vocabulary": vocabulary.size, "padding": vocabulary.padding}

    @classmethod
    def learned(cls, sources: Sources, tokenizer: str | None) -> "TextReader":
        """The reader for the training file, with a vocabulary of its texts or that of a Hugging Face `tokenizer`, or `OPEN`.

        Raises:
            BadInput: a column is missing, has no text, or the tokenizer cannot be had.
        """
        file = open_table(sources.train)
        roles, column = find_roles(sources, file.names, file.path), str(sources.text)
        sample = _sample(_texts(file, column))
        if not any(text.strip() for text in sample):
            raise BadInput(f"column {shown(column)} of {file.path} has no text in any row: name another with --text")
        if tokenizer == OPEN:
            tokenizer = minilm.NAME if minilm.is_installed() and file.rows <= MOST_READ else None
        vocabulary = Borrowed(tokenizer) if tokenizer is not None else trained(sample)
        lengths = vocabulary.lengths(sample[:: max(1, len(sample) // 5000)])
        length = sources.text_length or min(MOST_TOKENS, max(4, int(np.ceil(np.quantile(lengths, 0.98)))))
        reader = cls(column, roles, vocabulary, min(length, vocabulary.longest))
        reader.model_options["terms"] = reader._terms(sample[:: max(1, len(sample) // _MOST_WEIGHED)])
        cut = float(np.mean(np.asarray(lengths) > reader.input_shape[0]))
        if cut:
            reader.notes.append(f"texts are cut after {reader.input_shape[0]} tokens, {cut:.0%} of them are longer")
        unused = [name for name in file.names if name not in (*roles.all, column, *sources.drop)]
        if unused:
            reader.notes.append(f"columns beside the text are not learned from: {listed(unused)}")
        file.keep([column, *roles.all])
        reader._file = file
        return reader

    @classmethod
    def restored(cls, kept: dict[str, Any]) -> "TextReader":
        """The reader that `as_json` wrote down."""
        borrowed = kept["tokenizer"]
        vocabulary = Borrowed(borrowed) if borrowed is not None else Vocabulary(kept["vocabulary"])
        return cls(str(kept["column"]), Roles(tuple(kept["targets"]), kept["id"]), vocabulary, int(kept["length"]))

    def as_json(self) -> dict[str, Any]:
        """The column, the vocabulary (or whose it is) and the length of texts."""
        return {
            "column": self.column,
            "targets": list(self.roles.targets),
            "id": self.roles.id,
            "length": self.input_shape[0],
        } | self.vocabulary.as_json()

    def _terms(self, texts: list[str]) -> dict[str, Any]:
        """The terms by which texts differ, for models that count them."""
        blocks = (texts[start : start + _BLOCK] for start in range(0, len(texts), _BLOCK))
        encoded = (self.vocabulary.encode(block, self.input_shape[0]) for block in blocks)
        return Terms.found(encoded, self.vocabulary.padding, self.vocabulary.size).as_json()

    def rows(self, path: str, part: str) -> Rows:
        """The texts of the table at `path` as token ids: x is (N, T) int64."""
        file = self._file if part == "train" and self._file is not None else open_table(path)
        self._file = None  # read once for both passes, and not kept
        return read_table(file, part, self.roles, (self.column,), self._encode)

    def _encode(self, file: Table) -> Encoded:
        shape, where = (file.rows, self.input_shape[0]), str(file.path)
        large = shape[0] * shape[1] * 8 > in_memory()
        x: Any = RaggedFiles(shape, self.vocabulary.padding) if large else np.zeros(shape, dtype=np.int64)
        texts, empty, long = _texts(file, self.column), 0, 0
        for start in range(0, file.rows, _BLOCK):
            block = list(islice(texts, _BLOCK))
            empty += sum(not text.strip() for text in block)
            long += sum(len(text) == LONGEST for text in block)
            x[start : start + _BLOCK] = self.vocabulary.encode(block, self.input_shape[0])
        told = {"empty": empty, "cut": long}
        said = {
            f"{counted(empty, 'text')} of {where} hold nothing": empty,
            f"{counted(long, 'text')} of {where} are looked at as far as {LONGEST:,} characters": long,
        }
        return Encoded(x.stored() if large else x, [note for note, count in said.items() if count], {self.column: told})


def _sample(texts: Iterator[str]) -> list[str]:
    sample, characters = list[str](), 0
    for text in islice(texts, _MOST_TEXTS):
        sample.append(text)
        characters += len(text)
        if characters > _MOST_CHARACTERS:
            break
    return sample


def _texts(file: Table, column: str) -> Iterator[str]:
    for cells in file.pieces(column):
        if not is_usable(cells):
            raise BadInput(
                f"column {shown(column)} of {file.path} holds lists or bytes: name a column of texts with --text"
            )
        for start in range(0, len(cells), _BLOCK):
            for cell in as_words(cells.slice(start, _BLOCK), ()).fill_null(""):
                yield cell.as_py()[:LONGEST]
