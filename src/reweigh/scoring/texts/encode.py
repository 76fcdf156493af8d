"""Texts as tokens, with those that count, and batches of like length."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.scoring.texts.told import Told
from reweigh.tasks.language_model import IGNORED

Batch = dict[str, Tensor]


class Part(NamedTuple):
    """A batch of B rows: their places among all, tokens and labels (B, T), and how many tokens each has, (B,)."""

    places: list[int]
    batch: Batch
    lengths: Tensor


class Encoded(NamedTuple):
    """A row's tokens, and which of them count; the first never does, since nothing foretells it."""

    ids: list[int]
    counts: list[bool]

    @property
    def counted(self) -> int:
        """How many count."""
        return sum(self.counts)


class Encoder:
    """By a fast tokenizer of Hugging Face, which says where each token stands in the text.

    Args:
        tokenizer: that.
        longest: of longer rows the first so many tokens are taken.

    Raises:
        BadInput: if the tokenizer cannot say where tokens stand.
    """

    def __init__(self, tokenizer: Any, longest: int) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise BadInput(
                f"{type(tokenizer).__name__} does not say where its tokens stand in a text: take a fast tokenizer "
                "(AutoTokenizer.from_pretrained(..., use_fast=True))"
            )
        self.tokenizer, self.longest = tokenizer, longest
        self._end = tokenizer.eos_token_id  # asked for once: tokenizers look for it anew each time

    def __call__(self, told: Sequence[Told]) -> list[Encoded]:
        """Of each text its tokens. An end is put behind those that have none, where the tokenizer knows one."""
        if not told:
            return []
        cut = self.tokenizer(
            [one.text for one in told],
            add_special_tokens=not told[0].whole,
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,
        )
        each = zip(told, cut["input_ids"], cut["offset_mapping"], strict=True)
        return [self._encoded(one, ids, offsets) for one, ids, offsets in each]

    def _encoded(self, told: Told, ids: list[int], offsets: list[tuple[int, int]]) -> Encoded:
        spans = [span for span in told.counts if span[0] < span[1]]
        if spans == [(0, len(told.text))]:  # as most are, and quickly said
            counts = [start < end for start, end in offsets]
        else:
            counts = [start < end and any(start < b and a < end for a, b in spans) for start, end in offsets]
        end = self._end
        if not told.whole and end is not None and told.text:
            ids, counts = (ids, counts) if ids[-1:] == [end] else ([*ids, end], [*counts, False])
            counts[-1] = any(last == len(told.text) for _, last in spans)
        counts[:1] = [False] * len(counts[:1])
        return Encoded(ids[: self.longest], counts[: self.longest])


def batches(rows: Sequence[Encoded], most: int) -> Iterator[Part]:
    """The rows of which something counts, in batches of at most so many that are about as long.

    The longest come first, so that want of memory shows at once. Nothing is masked: what fills a row up stands behind it,
    where no token of a causal model looks.
    """
    there = [place for place, row in enumerate(rows) if row.counted]
    there.sort(key=lambda place: (-len(rows[place].ids), place))
    for start in range(0, len(there), most):
        places = there[start : start + most]
        yield filled(places, [rows[place] for place in places])


def filled(places: Sequence[int], rows: Sequence[Encoded]) -> Part:
    """These rows as one batch, filled up at their ends."""
    lengths = torch.tensor([len(row.ids) for row in rows])
    ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
    labels = torch.full_like(ids, IGNORED)
    there = torch.arange(ids.shape[1]) < lengths[:, None]
    tokens = torch.tensor(list(chain.from_iterable(row.ids for row in rows)))
    ids[there] = tokens
    labels[there] = tokens.where(torch.tensor(list(chain.from_iterable(row.counts for row in rows))), IGNORED)
    return Part(list(places), {"input_ids": ids, "labels": labels}, lengths)
