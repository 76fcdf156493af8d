"""Rows as texts, and texts as tokens: which columns they are in, what of them counts, and batches of them."""

from reweigh.scoring.texts.columns import Named, columns_again, columns_of, spoken
from reweigh.scoring.texts.encode import Batch, Encoded, Encoder, Part, batches, filled
from reweigh.scoring.texts.told import Columns, Message, Told

__all__ = [
    "Batch",
    "Columns",
    "Encoded",
    "Encoder",
    "Message",
    "Named",
    "Part",
    "Told",
    "batches",
    "columns_again",
    "columns_of",
    "filled",
    "spoken",
]
