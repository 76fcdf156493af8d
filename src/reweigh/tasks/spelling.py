"""How tokens spell texts: which of them stand for no piece of a text, and how pieces are joined again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from reweigh.errors import require


@dataclass(frozen=True)
class Marks:
    """The tokens that stand for no piece of a text.

    Attributes:
        padding: fills short texts up.
        start: stands before a target when it is read or written.
        end: ends every text.
        before_source: stand before each source, such as the name of its language.
        before_target: likewise of targets.
        others: further ones, that no text is cut into.
    """

    padding: int = 0
    start: int = 1
    end: int = 2
    before_source: tuple[int, ...] = ()
    before_target: tuple[int, ...] = ()
    others: frozenset[int] = frozenset()

    @cached_property
    def all(self) -> frozenset[int]:
        """All of them."""
        named = (self.padding, self.start, self.end, *self.before_source, *self.before_target)
        return self.others.union(named)


class Spelling(Protocol):
    """What makes texts of tokens; it can be compared, and kept in another process."""

    @property
    def marks(self) -> Marks:
        """The tokens that are no pieces."""

    @property
    def blank(self) -> str:
        """How a piece begins that begins a word."""

    def text(self, tokens: Sequence[int], names: Sequence[str]) -> str:
        """The text of tokens without marks; `names` are the pieces of all tokens."""


@dataclass(frozen=True)
class ByteLevel:
    """Pieces of bytes, as `tokenizers` writes them: what they spell is the text again."""

    marks: Marks = Marks()
    blank: str = "Ġ"

    def text(self, tokens: Sequence[int], names: Sequence[str]) -> str:
        """The bytes one after the other."""
        return str(require("tokenizers", "text").decoders.ByteLevel().decode([names[token] for token in tokens]))


BYTES = ByteLevel()
"""The usual one."""
