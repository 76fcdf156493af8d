"""What is learnt, and from what: of a model with a frozen body only the head, from features worked out once.

Where images are augmented they differ at each visit, and the body has to be asked each time.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.models.probe import Probe
from reweigh.training.prepare import RunData

AT_ONCE = 100


def learnt_from(
    model: nn.Module, data: RunData, augment: str, device: torch.device, note: Callable[[str], None]
) -> tuple[nn.Module, RunData]:
    """The part of `model` that learns, and the data as it reads them; both as they are where nothing is frozen.

    `note` is told how long it will take.
    """
    if not isinstance(model, Probe) or augment != "none":
        return model, data
    train, clean, test = (len(part) for part in (data.train, data.clean, data.test))
    started = time.perf_counter()
    first = _features(model.body, data.train.batch(torch.arange(min(AT_ONCE, train))), device)
    whole = (time.perf_counter() - started) * (train + clean + test) / len(first)
    note(f"what the frozen body says of {train + clean + test:,} images is worked out once: {_about(whole)}")
    parts = (data.train, data.clean, data.test)
    found = [replace(part, x=features_of(model.body, part, device)) for part in parts]
    return model.head, data._replace(train=found[0], clean=found[1], test=found[2])


def features_of(body: nn.Module, examples: Examples, device: torch.device) -> Tensor:
    """What the body says of every example, (N, width) on the CPU."""
    rows = torch.arange(len(examples)).split(AT_ONCE)
    return torch.cat([_features(body, examples.batch(part), device) for part in rows])


def _features(body: nn.Module, batch: dict[str, Tensor], device: torch.device) -> Tensor:
    with torch.no_grad():
        found: Tensor = body(batch["x"].to(device)).float().cpu()
    return found


def _about(seconds: float) -> str:
    if seconds < 5:
        return "a moment"
    return f"some {5 * round(seconds / 5)} seconds" if seconds < 120 else f"some {round(seconds / 60)} minutes"
