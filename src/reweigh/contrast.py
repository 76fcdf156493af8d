"""Contrastive clean directions: what makes a target depend on its own input, and not what wrong pairs have as well.

The gradient of the clean loss says how to foretell the checked targets. Much of that is common to right and wrong examples:
that sentences are fluent, that some classes are frequent. It drops out of the difference

    ℓ(x, y) − ℓ(x', y)        x' the input of another checked example: `OtherInput("source")`
    ℓ(x, y) − ℓ(x, y')        y' another label, the margin against it: `OtherLabel(10)`

whose gradient is the clean direction then: `Reweigher(contrast=...)`. Nothing else changes, so that every engine is as exact
as before. Both passes draw the same dropout masks; x' from the same batch gives train-mode BatchNorm the same statistics.
The number that is reported as the clean loss is this difference.
"""

import abc
import functools
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh._types import AnyLoss, Batch
from reweigh.batches import fields_of, rebuilt, tensors_of
from reweigh.clean_stream import CleanStream
from reweigh.errors import BadInput


class Contrast(abc.ABC):
    """What each checked example is held against; a subclass says by what other one.

    Args:
        strength: λ in ℓ(x, y) − λ·ℓ(x', y); 1 takes out all that both have.

    Raises:
        BadInput: if it is not above 0.
    """

    def __init__(self, strength: float = 1.0) -> None:
        if not isinstance(strength, int | float) or isinstance(strength, bool) or not 0 < strength < math.inf:
            raise BadInput(f"strength={strength!r}: give a number above 0, such as 1")
        self.strength = float(strength)

    @abc.abstractmethod
    def other(self, batch: Batch, draw: torch.Generator) -> Batch:
        """The batch of M checked examples as they are not: a new batch, the given one is not touched.

        Args:
            batch: M clean examples.
            draw: a generator on the CPU, the same again for the same clean batch.
        """


def contrasted(contrast: Any, loss: AnyLoss, stream: CleanStream) -> AnyLoss:
    """The contrast of this loss on the batches that the stream hands out, for one batch always the same; without, the loss.

    Raises:
        BadInput: if it is no contrast.
    """
    if contrast is None:
        return loss
    if not isinstance(contrast, Contrast):
        raise BadInput(f"contrast= is {contrast!r}, not a contrast object: pass for instance OtherInput('source')")
    number = _Number()
    stream.told = number.take
    return functools.partial(_difference, loss, contrast, number)


class OtherInput(Contrast):
    """The same targets with the inputs of other examples of the batch; none keeps its own.

    Args:
        fields: what an input consists of, by name or place in the batch: a source, and its mask where there is one.
        strength: as for every contrast.
    """

    def __init__(self, *fields: Any, strength: float = 1.0) -> None:
        super().__init__(strength)
        if not fields:
            raise BadInput("name the fields of a batch that are its input, such as OtherInput('source')")
        self.fields = fields

    def other(self, batch: Batch, draw: torch.Generator) -> Batch:
        """Round in a ring of random order."""
        values = _picked(batch, self.fields)
        size = len(next(iter(values.values())))
        if size < 2:
            raise BadInput(
                "a clean batch of one example has no other input to be held against: make clean batches larger"
            )
        order = torch.randperm(size, generator=draw)
        from_row = torch.empty_like(order)
        from_row[order] = order.roll(1)
        return _with(batch, {field: _rows(value, from_row) for field, value in values.items()})


class OtherLabel(Contrast):
    """The same inputs with another label each, all others alike likely.

    Args:
        classes: C; labels are 0 to C − 1.
        field: where a batch has its labels, by name or place.
        strength: as for every contrast.
    """

    def __init__(self, classes: int, field: Any = "y", *, strength: float = 1.0) -> None:
        super().__init__(strength)
        if not isinstance(classes, int) or isinstance(classes, bool) or classes < 2:
            raise BadInput(f"classes is {classes!r}: give the number of classes, at least 2")
        self.classes, self.field = classes, field

    def other(self, batch: Batch, draw: torch.Generator) -> Batch:
        """From 1 to C − 1 further on, in a ring of classes."""
        y = torch.as_tensor(_picked(batch, (self.field,))[self.field])
        if y.is_floating_point() or y.is_complex():
            raise BadInput(f"the labels under {self.field!r} are {y.dtype}: another label is one of classes 0, 1, …")
        ahead = torch.randint(1, self.classes, y.shape, generator=draw, dtype=torch.int64)
        return _with(batch, {self.field: (y + ahead.to(y.device)) % self.classes})


class _Number:
    """Which clean batch it is, as a seed; the stream tells."""

    def __init__(self) -> None:
        self.now = 0

    def take(self, number: int) -> None:
        self.now = number

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self.now)


def _difference(loss: AnyLoss, contrast: Contrast, number: _Number, model: nn.Module, batch: Batch) -> Any:
    """ℓ of the batch less λ times that of the other one, which goes first: what a hook sees last is the batch's own."""
    other = contrast.other(batch, number.generator())
    devices = {tensor.device for tensor in tensors_of(batch)}
    before = rng.states(devices)
    against = loss(model, other)
    rng.set_states(before)
    return _less(loss(model, batch), against, contrast.strength)


def _less(own: Any, other: Any, strength: float) -> Any:
    if isinstance(own, tuple | list) and isinstance(other, tuple | list) and len(own) == len(other) == 2:
        return own[0] - strength * other[0], own[1] & other[1]  # tokens, and which of them count
    return own - strength * other


def _picked(batch: Batch, fields: tuple[Any, ...]) -> dict[Any, Any]:
    held = fields_of(batch) or {}
    for field in fields:
        if field not in held:
            names = ", ".join(map(repr, held)) or "none"
            raise BadInput(f"a clean batch of type {type(batch).__name__} has no field {field!r}: it has {names}")
    return {field: held[field] for field in fields}


def _with(batch: Batch, changed: Mapping[Any, Any]) -> Batch:
    return rebuilt(batch, {**(fields_of(batch) or {}), **changed})


def _rows(value: Any, rows: Tensor) -> Any:
    if isinstance(value, Tensor):
        return value[rows.to(value.device)]
    if isinstance(value, list | tuple):
        return type(value)(value[row] for row in rows.tolist())
    return value[rows.numpy()]
