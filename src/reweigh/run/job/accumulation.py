"""Steps of a number of tokens: batches of sequences are put together until their targets have so many."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from reweigh._types import Batch
from reweigh.batches import Parts
from reweigh.data import Examples
from reweigh.errors import BadInput
from reweigh.settings import Resolved
from reweigh.tasks import Task


def together(batches: Iterable[tuple[Tensor, Batch]], task: Task, tokens: int) -> Iterator[tuple[Tensor, Batch]]:
    """Rows and batches of an epoch, so many to a step that their targets have this many tokens; the last may have fewer."""
    rows, parts, count = list[Tensor](), list[Batch](), 0
    for row, batch in batches:
        lengths = task.lengths(batch["x"], batch["y"])
        rows, parts, count = [*rows, row], [*parts, batch], count + int(lengths[:, 1].sum())
        if count >= tokens:
            yield torch.cat(rows), Parts(parts)
            rows, parts, count = [], [], 0
    if parts:
        yield torch.cat(rows), Parts(parts)


def check_accumulation(config: Resolved, train: Examples, processes: int, *, learns: bool) -> None:
    """Whether steps of several batches can be made, where they are asked for, by a rule that learns or not.

    Raises:
        BadInput: if the examples have no tokens, or steps could not be weighed as one batch is.
    """
    if config.student.accumulate_tokens is None:
        return
    if not train.task.of_pairs:
        raise BadInput(
            f"accumulate_tokens counts the tokens of sequences, and the task is {train.task.name}: set --batch-size instead"
        )
    if processes > 1:
        raise BadInput(
            "accumulate_tokens counts the tokens of one process, and there are several: set --batch-size, that of them all"
        )
    if learns:
        raise BadInput(
            f"the rule {config.weights.rule} learns from one pass a step, and accumulate_tokens makes several: take another"
        )
    if config.weights.warm_up:
        raise BadInput(
            "warm_up counts steps, and accumulate_tokens makes them of several batches: leave one of them out"
        )
