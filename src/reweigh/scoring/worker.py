"""One process's part of the work: the model and the target loaded once, and shards scored one after the other.

A shard's batches are made of its own rows alone, window by window. So its scores do not depend on who scores it, or
what else is scored by whom.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from reweigh.allocator import older_objects_left_alone
from reweigh.errors import require
from reweigh.run.world import usable_device
from reweigh.scoring.files import Shard
from reweigh.scoring.model import Loaded, load
from reweigh.scoring.parts import Parts
from reweigh.scoring.plan import Plan
from reweigh.scoring.scorer import Scorer, Target
from reweigh.scoring.texts import Columns, Encoded, Encoder, batches

TARGET = "target.safetensors"
_STATE = "state of the target"


class Named(NamedTuple):
    """A window's rows as tokens, with their ids."""

    ids: list[str]
    rows: list[Encoded]


class Worker:
    """Scores shards of a plan, whose target lies in the folder of parts.

    Args:
        plan: the work.
        loaded: the model, where it is loaded already.
    """

    def __init__(self, plan: Plan, loaded: Loaded | None = None) -> None:
        self._plan = plan
        self._loaded = load(plan.model, usable_device(plan.how.device)) if loaded is None else loaded
        self._scorer = Scorer(self._loaded, read_target(plan), plan.how.layers)
        self._parts = Parts(plan.folder, plan.mark, plan.how.scores)

    def shard(self, number: int, done: Callable[[int], None] = lambda rows: None) -> int:
        """Score one shard and write its part; returns how many rows it has. `done` is told the rows of each window.

        Raises:
            BadInput: for a row that is no text.
            NonFinite: if a number of it is not finite.
        """
        plan, shard, start = self._plan, self._plan.shards[number], 0
        with older_objects_left_alone(), self._parts.writing(number) as writer:
            for window in windows_of(shard, plan.columns, self._loaded.encoder, plan.id):
                writer.write_table(self._parts.table(self._columns(shard, window, start)))
                start += len(window.ids)
                done(len(window.ids))
        return start

    def _columns(self, shard: Shard, window: Named, start: int) -> dict[str, Any]:
        """A window's columns; rows of which nothing counts have no numbers."""
        n = len(window.ids)
        numbers = {name: np.full(n, np.nan, dtype=np.float32) for name in ("loss", *self._plan.how.scores)}
        for part in batches(window.rows, self._plan.how.batch_size):
            for name, values in self._scorer(part, [window.ids[place] for place in part.places]).items():
                numbers[name][part.places] = values.numpy()
        masked = {name: np.ma.masked_invalid(values) for name, values in numbers.items()}
        tokens = [row.counted for row in window.rows]
        return {
            "id": window.ids,
            "file": [shard.name] * n,
            "row": np.arange(start, start + n),
            "tokens": tokens,
            **masked,
        }


def windows_of(shard: Shard, columns: Columns, encoder: Encoder, id: str | None) -> Iterator[Named]:
    """The rows of a shard as tokens, with what they are called."""
    start = 0
    for window in shard.kind.windows(shard.path, [*columns.names, *([] if id is None else [id])]):
        ids = [shard.called(row, place, id) for place, row in enumerate(window, start)]
        told = [
            columns.told(row, f"row {name} of {shard.path}", encoder.tokenizer)
            for name, row in zip(ids, window, strict=True)
        ]
        yield Named(ids, encoder(told))
        start += len(window)


def target_content(target: Target) -> bytes:
    """What examples are compared with, as a file's content."""
    tensors: dict[str, Tensor] = dict(target.direction or {})
    if target.state is not None:
        tensors[_STATE] = target.state
    save = require("safetensors.torch", "scoring").save
    content: bytes = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    return content


def read_target(plan: Plan) -> Target:
    """That again."""
    tensors = require("safetensors.torch", "scoring").load_file(plan.folder / TARGET)
    state = tensors.pop(_STATE, None)
    return Target(tensors or None, state)
