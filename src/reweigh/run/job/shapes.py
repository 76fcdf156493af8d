"""The shapes of a run's batches: chosen once, by how long its examples are, both those to train on and checked ones."""

from dataclasses import replace
from typing import Any

import torch

from reweigh.data.sampling import seed_for, steps_an_epoch
from reweigh.run.job.prepare import RunData
from reweigh.settings import Resolved
from reweigh.tasks.shapes import shapes_for

_DRAWN = 200


def with_shapes(config: Resolved, data: RunData) -> RunData:
    """The data with the shapes of their batches, where the examples are pairs.

    What an epoch fills in is what counts. Training examples go together with others as long, checked ones with any: of
    these the longest sides of drawn batches are looked at.
    """
    task: Any = data.train.task
    if not task.of_pairs:
        return data
    lengths, checked = data.train.lengths, data.clean.lengths
    batches = steps_an_epoch(len(lengths), config.student.batch_size)
    size = min(config.weights.clean_batch_size, len(checked))
    generator = torch.Generator().manual_seed(seed_for(config.student.seed, "shapes"))
    draws = [torch.randperm(len(checked), generator=generator)[:size] for _ in range(_DRAWN)]
    longest = torch.stack([checked[rows].amax(0) for rows in draws])
    all_lengths = torch.cat([lengths, longest, checked.amax(0, keepdim=True)])
    counts = torch.cat([torch.ones(len(lengths)), torch.full((_DRAWN,), size * batches / _DRAWN), torch.zeros(1)])
    task = replace(task, shapes=shapes_for(all_lengths, counts))
    named: dict[str, Any] = {"train": data.train, "clean": data.clean, "test": data.test, "held": data.held}
    return data._replace(**{name: replace(part, task=task) for name, part in named.items() if part is not None})
