"""The pieces that texts are cut into: byte-level BPE trained on the training texts, or a Hugging Face model's own.

Byte-level pieces spell any text in any script, so nothing is ever unknown. Each text starts with a piece of its own, so that
an empty one is not nothing. Token 0 is padding.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import minilm
from ...errors import BadInput, require
from ...hub import quiet
from ...words import shown

SIZE = 8192
CHARACTERS_A_TOKEN = 8  # as many are mostly enough
_AT_ONCE = 100
PADDING, START = "[PAD]", "[CLS]"

TokenArray = npt.NDArray[np.int64]


def trained(texts: Sequence[str]) -> "Vocabulary":
    """A vocabulary of at most `SIZE` pieces, merged by their frequency in `texts`."""
    kit = require("tokenizers", "text")
    tokenizer = kit.Tokenizer(kit.models.BPE())
    tokenizer.normalizer = kit.normalizers.Sequence([kit.normalizers.NFKC(), kit.normalizers.Lowercase()])
    tokenizer.pre_tokenizer = kit.pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = kit.trainers.BpeTrainer(
        vocab_size=SIZE,
        min_frequency=2,
        special_tokens=[PADDING, START],
        initial_alphabet=kit.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    tokenizer.post_processor = kit.processors.TemplateProcessing(
        single=f"{START} $A", special_tokens=[(START, tokenizer.token_to_id(START))]
    )
    return Vocabulary(tokenizer.to_str())


def _blocks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Some texts at a time, since of each piece much more is kept than its number while they are found."""
    yield from (list(texts[start : start + _AT_ONCE]) for start in range(0, len(texts), _AT_ONCE))


def beginning(text: str, characters: int) -> str:
    """At most so many characters, up to a blank behind a word; the text itself where it is no longer, or has no such blank.

    A piece never goes on beyond a blank, so that the pieces of the beginning are the first ones of the text.
    """
    if len(text) <= characters:
        return text
    end = text.rfind(" ", 1, characters)
    while end > 0 and text[end - 1].isspace():
        end = text.rfind(" ", 1, end)
    return text[:end] if end > 0 else text


class Vocabulary:
    """A tokenizer of our own; `written` is all of it, as JSON."""

    longest = 1 << 16
    padding = 0

    def __init__(self, written: str) -> None:
        """The tokenizer that was written down."""
        self._written = written
        try:
            self._tokenizer = require("tokenizers", "text").Tokenizer.from_str(written)
        except Exception as damage:  # the library raises plain Exception
            raise ValueError("the vocabulary cannot be read") from damage
        self.size = int(self._tokenizer.get_vocab_size())

    def as_json(self) -> dict[str, Any]:
        """The whole vocabulary."""
        return {"tokenizer": None, "vocabulary": self._written}

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, however many."""
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        return [len(found.ids) for block in _blocks(texts) for found in self._tokenizer.encode_batch(block)]

    def encode(self, texts: Sequence[str], length: int) -> TokenArray:
        """(N, length) token ids, cut or padded; of a long text only the beginning is looked at, if that is enough."""
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding(length=length, pad_id=self.padding, pad_token=PADDING)
        beginnings = [beginning(text, CHARACTERS_A_TOKEN * length) for text in texts]
        found = self._tokenizer.encode_batch(beginnings)
        pairs = zip(texts, beginnings, found, strict=True)
        short = [
            place for place, (text, cut, one) in enumerate(pairs) if cut is not text and not one.attention_mask[-1]
        ]
        for place, one in zip(short, self._tokenizer.encode_batch([texts[place] for place in short]), strict=True):
            found[place] = one
        return np.array([one.ids for one in found], dtype=np.int64).reshape(len(texts), length)


class Borrowed:
    """The tokenizer of a Hugging Face model, by name or path, or of MiniLM; code that comes with it is never run."""

    def __init__(self, name: str) -> None:
        """Load it, from the disk or the hub.

        Raises:
            BadInput: it cannot be had.
        """
        self.name = name
        place = str(minilm.folder()) if name == minilm.NAME else name
        try:
            with quiet() as library:
                self._tokenizer: Any = library.AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        except (OSError, ValueError, KeyError) as refused:
            raise BadInput(
                f"the tokenizer {shown(name)} cannot be loaded ({type(refused).__name__}): check the name or path of the "
                "model, and the network"
            ) from refused
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token or self._tokenizer.unk_token
        if self._tokenizer.pad_token_id is None:
            raise BadInput(f"the tokenizer {shown(name)} has no token to pad with: choose another model")
        self.size, self.padding = len(self._tokenizer), int(self._tokenizer.pad_token_id)
        self.longest = min(int(self._tokenizer.model_max_length), 1 << 16)

    def as_json(self) -> dict[str, Any]:
        """Whose vocabulary it is."""
        return {"tokenizer": self.name, "vocabulary": None}

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, however many."""
        blocks = (self._tokenizer(block, truncation=False, verbose=False)["input_ids"] for block in _blocks(texts))
        return [len(ids) for block in blocks for ids in block]

    def encode(self, texts: Sequence[str], length: int) -> TokenArray:
        """(N, length) token ids, cut or padded with the model's own padding token."""
        found = self._tokenizer(list(texts), padding="max_length", truncation=True, max_length=length)["input_ids"]
        return np.array(found, dtype=np.int64).reshape(len(texts), length)
