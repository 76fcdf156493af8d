"""The pieces of a SentencePiece model that somebody has trained (Kudo and Richardson, 2018): `--pieces joint.model`.

Tokens keep the numbers that they have there, also of what is unknown. Where the model has no padding, no start or no end,
which many lack, such a token comes after its last.
"""

import base64
import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import BadInput, require
from ...storage import read_plain
from ...tasks.spelling import Marks
from .joint import SPECIAL, JointPieces
from .paths import existing

_LARGEST = 1 << 25  # bytes; that of a model for two hundred languages has five million


@functools.lru_cache(maxsize=2)
def _processor(written: str) -> Any:
    """The library's own, of a model's bytes in base64.

    Raises:
        ValueError: if it is none.
        MissingExtra: if the library is not installed.
    """
    library = require("sentencepiece", "sentencepiece")
    try:
        found = library.SentencePieceProcessor()
        found.load_from_serialized_proto(base64.b64decode(written, validate=True))
    except Exception as damage:  # the library raises what its parser meets
        raise ValueError("it is no SentencePiece model") from damage
    if not found.get_piece_size():
        raise ValueError("it is no SentencePiece model")
    return found


@dataclass(frozen=True)
class OfSentencePiece:
    """How a model joins pieces: by itself; what is unknown stands as ⁇ in the text."""

    written: str

    @functools.cached_property
    def marks(self) -> Marks:
        """Those of the model, and after its last token those that it lacks."""
        model = _processor(self.written)
        size: int = model.get_piece_size()
        free = iter(range(size, size + len(SPECIAL)))
        has = (model.pad_id(), model.bos_id(), model.eos_id())
        padding, start, end = (token if token >= 0 else next(free) for token in has)
        return Marks(padding, start, end, others=frozenset(filter(model.is_control, range(size))))

    @property
    def blank(self) -> str:
        """As SentencePiece has it."""
        return "▁"

    def text(self, tokens: Sequence[int], names: Sequence[str]) -> str:
        """What the model makes of them."""
        return str(_processor(self.written).decode(list(tokens)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.written)} letters)"


class GivenPieces(JointPieces):
    """A model that was given; `written` are its bytes in base64.

    Raises:
        ValueError: if it is none.
        MissingExtra: if sentencepiece is not installed.
    """

    def __init__(self, written: str) -> None:
        self._model, self._written, self.spelling = _processor(written), written, OfSentencePiece(written)

    @classmethod
    def at(cls, path: str) -> "GivenPieces":
        """The model in a file.

        Raises:
            BadInput: there is none.
        """
        written = base64.b64encode(read_plain(existing(path), _LARGEST)).decode()
        try:
            return cls(written)
        except ValueError as damage:
            raise BadInput(
                f"{path} is no SentencePiece model: give --pieces the .model file that `spm_train` wrote"
            ) from damage

    @property
    def names(self) -> tuple[str, ...]:
        """The pieces in the order of their tokens, those that were added last."""
        size, marks = self._model.get_piece_size(), self.spelling.marks
        added = sorted(zip((marks.padding, marks.start, marks.end), SPECIAL, strict=True))
        return (*map(self._model.id_to_piece, range(size)), *(name for token, name in added if token >= size))

    def as_json(self) -> dict[str, Any]:
        """The whole model."""
        return {"sentencepiece": self._written}

    def _cut(self, texts: Sequence[str], side: str) -> Iterable[Sequence[int]]:
        found: list[list[int]] = self._model.encode(list(texts), add_bos=False, add_eos=False)
        return found
