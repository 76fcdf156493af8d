"""Reading people's own data, whatever its kind."""

from pathlib import Path

from .encoding import Encoding
from .own_data import NewData, OwnData
from .sources import Sources


def read_own(sources: Sources, *, seed: int, tokenizer: str | None = None) -> OwnData:
    """Read training, clean and test examples; `seed` decides which clean rows are held back for testing.

    `tokenizer` is the name or path of a Hugging Face tokenizer, for texts that such a model learns from.

    Raises:
        BadInput: in one sentence, if the data cannot be had or used.
        MissingExtra: if a library that this kind of data needs is not installed.
    """
    raise NotImplementedError


def read_new(path: str | Path, encoding: Encoding) -> NewData:
    """Read examples to predict, encoded as the training examples were.

    Raises:
        BadInput: in one sentence, if the file cannot be read or lacks what the model learned from.
        MissingExtra: if a library that this kind of data needs is not installed.
    """
    raise NotImplementedError
