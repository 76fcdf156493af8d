"""The visits of one epoch, kept in memory until the epoch ends: 28 bytes each, and nothing waits for a device.

Noting a batch must cost next to nothing beside a training step. So a batch's tensors are only copied where they are, and
every 256 batches are moved to the host together, as numpy columns.

Two numbers are put in units of their batch, since batches differ in size and a training run changes in scale. A weight is
*relative*: B times the weight, so that 1 means "as in plain training". An alignment is in units of its batch's mean
absolute alignment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reweigh.errors import BadInput

Array = npt.NDArray[Any]
_BATCHES = 256
_NAMES = ("ids", "weights", "alignments", "losses", "labels")
_SOME_LABELS = "labels= came with some batches of the epoch and not with others: give them always or never"
_TINY = 1e-300  # a batch whose alignments are all zero is divided by this


@dataclass(frozen=True)
class Visits:
    """V visits of one epoch, in the order in which they came; NaN where an alignment or a loss is not known.

    Attributes:
        ids: (V,) int64.
        weights: (V,) float32, relative.
        alignments: (V,) float32, in units of their batch's mean absolute alignment.
        losses: (V,) float32.
        labels: (V,) int64 or float64, the given labels; None where none were given.
    """

    ids: Array
    weights: Array
    alignments: Array
    losses: Array
    labels: Array | None


def joined(parts: Sequence[Visits]) -> Visits:
    """Visits one after the other, of several chunks or several ranks.

    Raises:
        BadInput: if some have labels and others have none.
    """
    labels = [part.labels for part in parts if part.labels is not None]
    if labels and len(labels) < len(parts):
        raise BadInput(_SOME_LABELS)
    return Visits(
        ids=np.concatenate([part.ids for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        alignments=np.concatenate([part.alignments for part in parts]),
        losses=np.concatenate([part.losses for part in parts]),
        labels=np.concatenate(labels) if labels else None,
    )


class Pending:
    """Collects the batches of an epoch."""

    def __init__(self) -> None:
        self._batches: list[tuple[Tensor | None, ...]] = []
        self._chunks: list[Visits] = []

    def add(self, ids: Any, weights: Any, alignments: Any, losses: Any, labels: Any) -> None:
        """Copy one batch: (B,) each, or None for the last three.

        Raises:
            BadInput: if one of them is no vector of B numbers, or the ids are not whole numbers.
        """
        columns = tuple(map(_copied, (ids, weights, alignments, losses, labels)))
        _check(columns)
        self._batches.append(columns)
        if len(self._batches) == _BATCHES:
            self._move()

    def take(self) -> Visits | None:
        """All visits since the last call; None where there were none."""
        self._move()
        chunks, self._chunks = self._chunks, []
        if not chunks:
            return None
        return joined(chunks)

    def _move(self) -> None:
        batches = [batch for batch in self._batches if batch[0] is not None and len(batch[0])]
        self._batches = []
        if not batches:
            return
        ids, weights, alignments, losses, labels = zip(*batches, strict=True)
        sizes = np.array([len(batch) for batch in ids])
        given = [one for one in labels if one is not None]
        if given and len(given) < len(labels):
            raise BadInput(_SOME_LABELS)
        self._chunks.append(
            Visits(
                ids=_joined(ids).astype(np.int64, copy=False),
                weights=_relative(_joined(weights), sizes),
                alignments=_in_units(_filled(alignments, sizes), sizes),
                losses=_filled(losses, sizes),
                labels=_label_column(_joined(given)) if given else None,
            )
        )


def _copied(values: Any) -> Tensor | None:
    """A tensor of its own, since the caller may use the same memory for the next batch."""
    if values is None:
        return None
    return (values if isinstance(values, Tensor) else torch.as_tensor(values)).detach().clone()


def _check(columns: tuple[Tensor | None, ...]) -> None:
    ids, weights, *_ = columns
    if ids is None or ids.ndim != 1 or ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        what = (
            "None" if ids is None else f"of shape {tuple(ids.shape)} and type {str(ids.dtype).removeprefix('torch.')}"
        )
        raise BadInput(f"the ids are {what}: give one whole number an example, (B,)")
    for name, column in zip(_NAMES, columns, strict=True):
        if column is not None and column.shape != ids.shape:
            raise BadInput(
                f"the {name} have shape {tuple(column.shape)} but there are {len(ids)} ids: give one an example, (B,)"
            )
    if weights is None:
        raise BadInput("the weights are None: give the batch's weights, (B,)")


def _joined(batches: Any) -> Array:
    together = torch.cat(list(batches))
    if together.dtype == torch.bfloat16:  # numpy has none
        together = together.float()
    joined: Array = together.cpu().numpy()
    return joined


def _filled(batches: Any, sizes: Array) -> Array:
    """The batches joined as float32, with NaN for those that are None."""
    if all(batch is None for batch in batches):
        return np.full(sizes.sum(), np.nan, dtype=np.float32)
    known = [torch.full((int(n),), np.nan) if b is None else b.float() for b, n in zip(batches, sizes, strict=True)]
    if any(batch is None for batch in batches):
        known = [batch.cpu() for batch in known]
    return _joined(known)


def _relative(weights: Array, sizes: Array) -> Array:
    relative: Array = (weights * np.repeat(sizes, sizes)).astype(np.float32)
    return relative


def _in_units(alignments: Array, sizes: Array) -> Array:
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    means = np.add.reduceat(np.abs(alignments.astype(np.float64)), starts) / sizes
    scaled: Array = (alignments / np.repeat(np.maximum(means, _TINY), sizes)).astype(np.float32)
    return scaled


def _label_column(labels: Array) -> Array:
    return labels.astype(np.float64 if labels.dtype.kind == "f" else np.int64, copy=False)
