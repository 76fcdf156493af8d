"""Rows of text as tokens, of which the answers count, for the LoRA recipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.scoring.files import find_shards
from reweigh.scoring.model import Loaded
from reweigh.scoring.texts import Batch, Encoded, columns_of, filled
from reweigh.scoring.texts import Named as Columns


@dataclass(frozen=True)
class Texts:
    """N rows as tokens, with their ids from 0, and which of them are known to be right; None where nobody says."""

    rows: list[Encoded]
    right: Tensor | None

    def batch(self, places: Sequence[int]) -> Batch:
        """Tokens and labels (B, T), filled up at their ends, and ids (B,)."""
        return {**filled(places, [self.rows[place] for place in places]).batch, "id": torch.tensor(places)}

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
