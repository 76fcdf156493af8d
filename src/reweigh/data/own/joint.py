"""The pieces that both sides of pairs are cut into: byte-level BPE (Sennrich et al., 2016), trained on both together.

Byte-level pieces spell any text in any script, letters keep their case, and what tokens spell is the text again. Token 0 is
padding, 1 stands before a target and 2 ends every text.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...errors import require
from .values import BoolArray
from .vocabulary import SIZE, TokenArray

SPECIAL = ("[PAD]", "[START]", "[END]")
LONGEST = 100_000
"""Characters of a text that are looked at."""


class Cut(NamedTuple):
    """Texts as tokens (N, T), filled up, and which were longer and are cut, (N,)."""

    numbers: TokenArray
    long: BoolArray


def trained(texts: Iterable[str]) -> "Pieces":
    """At most `SIZE` pieces, merged by their frequency."""
    kit = require("tokenizers", "text")
    tokenizer = kit.Tokenizer(kit.models.BPE())
    tokenizer.normalizer = kit.normalizers.NFC()
    tokenizer.pre_tokenizer = kit.pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = kit.decoders.ByteLevel()
    trainer = kit.trainers.BpeTrainer(
        vocab_size=SIZE,
        min_frequency=2,
        special_tokens=list(SPECIAL),
        initial_alphabet=kit.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = kit.processors.TemplateProcessing(
        single=f"$A {SPECIAL[2]}", special_tokens=[(SPECIAL[2], tokenizer.token_to_id(SPECIAL[2]))]
    )
    return Pieces(tokenizer.to_str())


class Pieces:
    """A tokenizer; `written` is all of it, as JSON.

    Raises:
        ValueError: if that cannot be read.
    """

    padding = 0

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

    def encode(self, texts: Sequence[str], length: int, fill: int) -> Cut:
        """Of each text its tokens and the end, at most `length` of them; `fill` stands behind."""
        numbers, long = np.full((len(texts), length), fill, dtype=np.int64), np.zeros(len(texts), dtype=bool)
        for row, one in enumerate(self._tokenizer.encode_batch([text[:LONGEST] for text in texts])):
            ids = one.ids if len(one.ids) <= length else [*one.ids[: length - 1], one.ids[-1]]
            numbers[row, : len(ids)], long[row] = ids, len(one.ids) > length
        return Cut(numbers, long)
