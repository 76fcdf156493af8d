"""Rows of text as tokens, of which the answers count, for the LoRA recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from reweigh.scoring.files import find_shards
from reweigh.scoring.model import Loaded
from reweigh.scoring.texts import Encoded, columns_of
from reweigh.scoring.texts import Named as Columns

IGNORED = -100
Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Texts:
    """N rows as tokens, with their ids from 0, and which of them are known to be right; None where nobody says."""

    rows: list[Encoded]
    right: Tensor | None

    def batch(self, places: Sequence[int]) -> Batch:
        """Tokens and labels (B, T), filled up at their ends, and ids (B,)."""
        ids = [torch.tensor(self.rows[place].ids) for place in places]
        counts = [torch.tensor(self.rows[place].counts) for place in places]
        labels = [torch.where(those, tokens, IGNORED) for tokens, those in zip(ids, counts, strict=True)]
        return {
            "input_ids": pad_sequence(ids, batch_first=True),
            "labels": pad_sequence(labels, batch_first=True, padding_value=IGNORED),
            "id": torch.tensor(places),
        }

    @property
    def whole(self) -> Batch:
        """All of them."""
        return self.batch(range(len(self.rows)))

    def select(self, places: Sequence[int]) -> "Texts":
        """Some of them."""
        return Texts([self.rows[place] for place in places], None if self.right is None else self.right[list(places)])

    def __add__(self, more: "Texts") -> "Texts":
        return Texts(self.rows + more.rows, None)


def read(path: Path, loaded: Loaded) -> Texts:
    """The rows of a file, a pattern or a folder of which a token counts."""
    shards = find_shards(path)
    columns, found, right = columns_of(shards, Columns()), list[Encoded](), list[Any]()
    for shard in shards:
        truth = ("right",) if "right" in shard.columns else ()
        for window in shard.kind.windows(shard.path, (*columns.names, *truth)):
            told = [columns.told(row, f"a row of {shard.path}", loaded.encoder.tokenizer) for row in window]
            for one, row in zip(loaded.encoder(told), window, strict=True):
                if one.counted:
                    found.append(one)
                    right.append(row.get("right"))
    return Texts(found, None if None in right else torch.tensor(right, dtype=torch.bool))


def on_device(batch: Batch, network: nn.Module) -> Batch:
    """The batch where the model is."""
    device = next(network.parameters()).device
    return {name: values.to(device) for name, values in batch.items()}
