"""What is learnt, and from what: of a model with a frozen body only the head, from features worked out once.

Where images are augmented they differ at each visit, and the body has to be asked each time.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.models.probe import Probe
from reweigh.run.job.evaluate import batches_on
from reweigh.run.job.prepare import RunData

AT_ONCE = 100


def learnt_from(
    model: nn.Module, data: RunData, augment: str, device: torch.device, note: Callable[[str], None]
) -> tuple[nn.Module, RunData]:
    """The part of `model` that learns, and the data as it reads them; both as they are where nothing is frozen.

    `note` is told how long it will take.
    """
    if not isinstance(model, Probe) or augment != "none":
        return model, data
    named = {"train": data.train, "clean": data.clean, "test": data.test, "held": data.held}
    there = {name: part for name, part in named.items() if part is not None}
    parts, found, started = list(there.values()), list[Tensor](), time.perf_counter()
    sizes = [len(part) for part in parts]
    for part in parts:
        for _, features in batches_on(model.body, part, device, AT_ONCE):
            found.append(features)
            if len(found) == 1:
                whole = (time.perf_counter() - started) * sum(sizes) / len(features)
                note(f"what the frozen body says of {sum(sizes):,} images is worked out once: {_about(whole)}")
    x = torch.cat(found).split(sizes)
    read: dict[str, Any] = {
        name: replace(part, x=features) for (name, part), features in zip(there.items(), x, strict=True)
    }
    return model.head, data._replace(**read)


def _about(seconds: float) -> str:
    if seconds < 5:
        return "a moment"
    return f"some {5 * round(seconds / 5)} seconds" if seconds < 120 else f"some {round(seconds / 60)} minutes"
