"""The pieces that both sides of pairs are cut into: byte-level BPE (Sennrich et al., 2016), trained on both together.

Byte-level pieces spell any text in any script, letters keep their case, and what tokens spell is the text again. Token 0 is
padding, 1 stands before a target and 2 ends every text. Pieces that others have made are cut by likewise (`JointPieces`): a
SentencePiece model's (`given_pieces.py`), and those of a Hugging Face encoder-decoder (`borrowed_pieces.py`).
"""

import abc
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import require
from ...tasks.spelling import BYTES, Spelling
from .values import BoolArray
from .vocabulary import SIZE, TokenArray

SPECIAL = ("[PAD]", "[START]", "[END]")
LONGEST = 100_000
"""Characters of a text that are looked at."""


class Cut(NamedTuple):
    """Texts as tokens (N, T), filled up; which were longer and are cut, and which have no piece, (N,) each."""

    numbers: TokenArray
    long: BoolArray
    empty: BoolArray


class JointPieces(abc.ABC):
    """How both sides of pairs are cut.

    Attributes:
        spelling: how their tokens spell texts.
        longest: as many tokens a text can have.
    """

    spelling: Spelling
    longest: int = 1 << 16

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """The pieces in the order of their tokens."""

    @abc.abstractmethod
    def as_json(self) -> dict[str, Any]:
        """All that is needed to cut other texts likewise."""

    @abc.abstractmethod
    def _cut(self, texts: Sequence[str], side: str) -> Iterable[Sequence[int]]:
        """The tokens of each text's pieces, and no marks."""

    @property
    def told(self) -> dict[str, Any]:
        """What a model must know."""
        return {"padding": self.spelling.marks.padding}

    @property
    def least(self) -> int:
        """As many tokens has a text of one piece."""
        marks = self.spelling.marks
        return 2 + max(len(marks.before_source), len(marks.before_target))

    def encode(self, texts: Sequence[str], length: int, fill: int, side: str = "source") -> Cut:
        """Of each text its tokens between its marks, at most `length` of them; `fill` stands behind.

        Args:
            texts: N of them.
            length: T.
            fill: the token that stands behind.
            side: "source" or "target".
        """
        marks = self.spelling.marks
        before = marks.before_target if side == "target" else marks.before_source
        numbers, room = np.full((len(texts), length), fill, dtype=np.int64), length - len(before) - 1
        long, empty = (np.zeros(len(texts), dtype=bool) for _ in range(2))
        for row, pieces in enumerate(self._cut([text[:LONGEST] for text in texts], side)):
            ids = [*before, *pieces[:room], marks.end]
            numbers[row, : len(ids)], long[row], empty[row] = ids, len(pieces) > room, not pieces
        return Cut(numbers, long, empty)


def trained(texts: Iterable[str], size: int = SIZE) -> "Pieces":
    """At most `size` pieces, merged by their frequency."""
    kit = require("tokenizers", "text")
    tokenizer = kit.Tokenizer(kit.models.BPE())
    tokenizer.normalizer = kit.normalizers.NFC()
    tokenizer.pre_tokenizer = kit.pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = kit.decoders.ByteLevel()
    trainer = kit.trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=kit.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return Pieces(tokenizer.to_str())


class Pieces(JointPieces):
    """A tokenizer of our own; `written` is all of it, as JSON.

    Raises:
        ValueError: if that cannot be read.
    """

    spelling = BYTES

    def __init__(self, written: str) -> None:
        self.written = written
        try:
            self._tokenizer: Any = require("tokenizers", "text").Tokenizer.from_str(written)
        except Exception as damage:  # the library raises plain Exception
            raise ValueError("the vocabulary cannot be read") from damage
        self._tokenizer.encode_special_tokens = True  # a text that spells one is a text
        self.size = int(self._tokenizer.get_vocab_size())

    @property
    def names(self) -> tuple[str, ...]:
        """The pieces in the order of their tokens."""
        return tuple(str(self._tokenizer.id_to_token(token)) for token in range(self.size))

    def as_json(self) -> dict[str, Any]:
        """The tokenizer."""
        return {"vocabulary": self.written}

    def _cut(self, texts: Sequence[str], side: str) -> Iterable[Sequence[int]]:
        return (one.ids for one in self._tokenizer.encode_batch(list(texts), add_special_tokens=False))
