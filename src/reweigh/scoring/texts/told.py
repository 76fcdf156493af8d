"""A row as a text, and which of its characters count: those that the model is to have said."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from reweigh.errors import BadInput
from reweigh.scoring.files import Row
from reweigh.words import shown

Message = dict[str, str]


class Told(NamedTuple):
    """A text and the spans of it, (start, end) in characters, that count.

    `whole` says that the text has its special tokens in it, as those have that a chat template writes.
    """

    text: str
    counts: list[tuple[int, int]]
    whole: bool = False


class Columns(Protocol):
    """How rows of a data set are texts."""

    @property
    def kind(self) -> str:
        """What a file of scores calls it."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read."""
        ...

    def told(self, row: Row, where: str, tokenizer: Any) -> Told:
        """A row as a text.

        Raises:
            BadInput: naming `where` it stands, if it holds something else.
        """
        ...

    def messages(self, row: Row, where: str) -> list[Message]:
        """The same as turns of a conversation, each with its role and content."""
        ...

    def standard(self, row: Row, where: str) -> dict[str, Any]:
        """The same in the columns that trainers of Hugging Face know."""
        ...

    def pair(self, row: Row, where: str) -> tuple[str, str]:
        """The same as a prompt and a response.

        Raises:
            BadInput: where it is no such pair.
        """
        ...


def text_in(row: Row, column: str, where: str) -> str:
    """The text in a column; empty where there is none.

    Raises:
        BadInput: if the row lacks the column, or it holds no text.
    """
    if column not in row:
        raise BadInput(f"{where} has no {column!r}: give every row one, or leave such rows out")
    value = row[column]
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{where} has {shown(value)} in {column!r}, which is no text: write texts there")
    return value or ""


def listed_in(row: Row, column: str, where: str) -> Sequence[Any]:
    """The list in a column; empty where there is none.

    Raises:
        BadInput: if the row lacks the column, or it holds no list.
    """
    value = row.get(column)
    if column not in row or not (value is None or isinstance(value, list)):
        what = f"{shown(value)} in" if column in row else "no"
        raise BadInput(f"{where} has {what} {column!r}: write a list of messages there, each with its role and content")
    return value or []
