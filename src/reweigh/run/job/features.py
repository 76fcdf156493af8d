"""What is learnt, and from what: of a model with a frozen body only the head, from features worked out once.

The choice of a rule, the run, its verdict and its audit ask the same body about the same inputs. So what the last body said
is kept, in memory or on the disk, and found again by the inputs themselves: they may have been read anew since.

Where images are augmented they differ at each visit, and the body has to be asked each time.
"""

import hashlib
from dataclasses import replace
from itertools import groupby
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.data.scratch import in_memory
from reweigh.data.stored import Inputs, chosen
from reweigh.data.stored import joined as inputs_joined
from reweigh.data.stored_files import RowFiles
from reweigh.models.probe import Probe
from reweigh.run.job.prepare import RunData
from reweigh.run.watcher import SILENT, Watcher

AT_ONCE = 100


def learnt_from(
    model: nn.Module, data: RunData, augment: str, device: torch.device, watcher: Watcher = SILENT
) -> tuple[nn.Module, RunData]:
    """The part of `model` that learns, and the data as it reads them; both as they are where nothing is frozen.

    `watcher` is told how far it is.
    """
    if not isinstance(model, Probe) or augment != "none":
        return model, data
    named = {"train": data.train, "clean": data.clean, "test": data.test, "held": data.held}
    there = {name: part for name, part in named.items() if part is not None}
    with _ONE:
        found = _kept_for(model.body, device).features(list(there.values()), model.body, device, watcher)
    if found is None:
        return model, data
    read: dict[str, Any] = {name: replace(part, x=x) for (name, part), x in zip(there.items(), found, strict=True)}
    return model.head, data._replace(**read)


class _Kept:
    """What a body, known by its digest, said of inputs, which are known by theirs."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._places, self._x = dict[bytes, int](), list[Inputs]()

    def features(
        self, parts: list[Examples], body: nn.Module, device: torch.device, watcher: Watcher
    ) -> list[Inputs] | None:
        """(N, width) of each part; None where they are many, and it is quicker to ask each time than to keep them."""
        keys, new, places = [digests(part.x) for part in parts], list[tuple[int, int]](), dict(self._places)
        for number, of_part in enumerate(keys):
            for row, key in enumerate(of_part):
                if key not in places:
                    places[key] = len(places)
                    new.append((number, row))
        if new:
            more = _asked(body, parts, new, device, watcher)
            if more is None:
                return None
            self._x, self._places = [inputs_joined(self._x[0], more) if self._x else more], places
        rows = ([places[key] for key in of_part] for of_part in keys)
        return [chosen(self._x[0], torch.tensor(of_part, dtype=torch.int64)) for of_part in rows]


_ONE, _last = Lock(), _Kept(b"")


def _kept_for(body: nn.Module, device: torch.device) -> _Kept:
    """What is kept of such a body; of another than the last one nothing."""
    global _last
    digest = hashlib.blake2b(f"{device.type} {body}".encode())
    for name, value in [*body.named_parameters(), *body.named_buffers()]:
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    if _last.body != digest.digest():
        _last = _Kept(digest.digest())
    return _last


def _asked(
    body: nn.Module,
    parts: list[Examples],
    rows: list[tuple[int, int]],
    device: torch.device,
    watcher: Watcher,
) -> Inputs | None:
    """What the body says of these rows of the parts, (n, width).

    Batches go on from one part to the next: where the checked examples stand changes nothing, so that a run that is gone on
    with has the same bits.
    """
    found, files = list[Tensor](), None
    for start in range(0, len(rows), AT_ONCE):
        batch = rows[start : start + AT_ONCE]
        same = [(part, torch.tensor([row for _, row in group])) for part, group in groupby(batch, lambda one: one[0])]
        x = torch.cat([parts[part].batch(of_part)["x"] for part, of_part in same])
        with torch.no_grad():
            features = body(x.to(device)).float().cpu()
        if start == 0:
            large = len(rows) * features[0].numel() * 4 > in_memory()
            if large and getattr(body, "quick", False):
                return None
            files = RowFiles((len(rows), features.shape[1])) if large else None
            watcher.phase(f"what the frozen body says of {len(rows):,} examples is worked out once", steps=len(rows))
        watcher.step(start + len(features))
        if files is None:
            found.append(features)
        else:
            files.add(features.numpy())
    return torch.cat(found) if files is None else files.stored()


def digests(x: Inputs) -> list[bytes]:
    """Of each input (N, ...)."""
    found = list[bytes]()
    for start in range(0, len(x), AT_ONCE):
        block = np.ascontiguousarray(x[start : start + AT_ONCE].numpy())
        kind = hashlib.blake2b(f"{block.dtype}{block.shape[1:]}".encode(), digest_size=16)
        for row in block:
            one = kind.copy()
            one.update(row.tobytes())
            found.append(one.digest())
    return found
