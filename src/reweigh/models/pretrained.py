"""A Hugging Face model for sequence classification, by name or path: `hf:distilbert-base-multilingual-cased`, `hf:./mine`.

Its body comes with what it has learnt, its last layer is new. Code that a model brings along is never run. An encoder of
sentences stays as it is (`text_body.py`).
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from reweigh.errors import BadInput, require
from reweigh.hub import quiet
from reweigh.words import said_by

PREFIX = "hf:"


class Pretrained(nn.Module):
    """Tokens (B, T) of int64, filled up with `padding` -> logits (B, classes)."""

    def __init__(self, network: nn.Module, padding: int = 0) -> None:
        super().__init__()
        self.network, self.padding = network, padding

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, classes) of tokens (B, T)."""
        keep = tokens != self.padding
        keep = keep | ~keep.any(1, keepdim=True)  # attention over nothing is NaN
        logits: Tensor = self.network(input_ids=tokens, attention_mask=keep.long()).logits
        return logits


def pretrained(name: str, classes: int, *, padding: int = 0, **_: Any) -> Pretrained:
    """The model `name`, a folder or a name on the Hugging Face hub, with a new last layer of `classes` outputs.

    Raises:
        BadInput: if there is no such model, or it does not classify sequences.
        MissingExtra: if transformers is not installed.
    """
    with hugging_face(
        f"{name} cannot be had as a Hugging Face model for sequence classification", GIVE
    ) as transformers:
        network = transformers.AutoModelForSequenceClassification.from_pretrained(
            name, num_labels=classes, ignore_mismatched_sizes=True, trust_remote_code=False
        )
    return Pretrained(network, padding)


def reads_sentences(name: str) -> bool:
    """Whether the model `name`, a folder or a name on the hub, is an encoder of sentences (of the library of that name).

    Raises:
        MissingExtra: if transformers is not installed.
    """
    if Path(name).is_dir():
        return (Path(name) / _OF_SENTENCES).is_file()
    try:
        return bool(require("transformers.utils", "transformers").cached_file(name, _OF_SENTENCES))
    except (OSError, ValueError):
        return False


_OF_SENTENCES = "modules.json"
GIVE = "give a folder that `save_pretrained` wrote, or a name on the hub that is downloaded or can be"


@contextlib.contextmanager
def hugging_face(complaint: str, remedy: str, *also: type[Exception]) -> Iterator[Any]:
    """The library, quiet within the block; what it refuses becomes `complaint (reason): remedy`. `also`: further errors.

    Raises:
        BadInput: for a refusal.
        MissingExtra: if transformers is not installed.
    """
    refusals: tuple[type[Exception], ...] = (OSError, ValueError, RuntimeError, KeyError, *also)
    try:
        with quiet() as transformers:
            yield transformers
    except refusals as refused:
        raise BadInput(f"{complaint} ({said_by(refused)}): {remedy}") from refused
