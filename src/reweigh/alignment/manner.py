"""What a check can vouch for: the manner in which a model and its loss are called.

An engine that is right in evaluation mode may be wrong in training mode, one that is right for one loss may be wrong for
another, and one that tells the examples apart where a sequence is longer than the batch may mix them up where it is as
long. So a check is believed in the manner in which it was made: the loss object itself (held weakly), the modules with
their modes and hooks, what is trained, autocast. What changes within a manner is the kind of shapes: which sizes are
equal, and which are multiples of which.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from reweigh.student import EngineTask
from reweigh.weakly import Weakly

_MOST_TENSORS = 256
"""Of a batch that is a long list of graphs or the like, so many tensors stand for all."""


class Manner:
    """How a task was called: compares itself with later tasks."""

    def __init__(self, task: EngineTask) -> None:
        self._loss = Weakly(task.per_example_loss)
        self._facts = _facts(task)

    def fits(self, loss: Callable[..., Any], facts: tuple[Hashable, ...]) -> bool:
        """Whether a task with this loss and these facts is called in this manner."""
        return self._loss.holds(loss) and self._facts == facts

    @staticmethod
    def facts_of(task: EngineTask) -> tuple[Hashable, ...]:
        """All but the loss, to be compared by `fits`."""
        return _facts(task)


def _facts(task: EngineTask) -> tuple[Hashable, ...]:
    """Modules, modes, hooks and what is trained."""
    parts, parameters = task.walk.parts, task.parameters.values()
    facts: list[Hashable] = [task.model is task.module, _hashable(task.layers), task.per, len(parts)]
    facts += map(id, parts)
    facts += [part.training for part in parts]
    facts += map(len, [part._forward_hooks for part in parts])
    facts += map(len, [part._forward_pre_hooks for part in parts])
    facts += [p.requires_grad for p in parameters]
    facts += [p.dtype for p in parameters]
    for kind in sorted({"cpu", *(device.type for device in task.devices)}):
        on = torch.is_autocast_enabled(kind)
        facts += (on, torch.get_autocast_dtype(kind) if on else None)
    return tuple(facts)


def _hashable(layers: Any) -> Hashable:
    return tuple(layers) if isinstance(layers, list) else layers


def kind_of_shapes(batch: Any) -> Hashable:
    """Which sizes in a batch are equal to one another and which are multiples of the first; no numbers are read."""
    sizes: dict[int, int] = {}
    facts: list[Hashable] = []
    first = 0
    for count, leaf in enumerate(_leaves(batch, 0)):
        if count == _MOST_TENSORS:
            break
        if isinstance(leaf, Tensor):
            first = first or (leaf.shape[0] if leaf.ndim else 0)
            facts.append(leaf.dtype)
            facts += ((sizes.setdefault(size, len(sizes)), bool(first) and size % first == 0) for size in leaf.shape)
        else:  # numbers of rows, as bags have them
            facts.append(len(set(leaf)) > 1)
    return tuple(facts)


def _leaves(value: Any, depth: int) -> Iterator[Tensor | list[int]]:
    """Tensors, and lists of whole numbers, in containers and objects."""
    if isinstance(value, Tensor):
        yield value
    elif value is None or isinstance(value, str | bytes | int | float) or depth > 4:
        return
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part, depth + 1)
    elif isinstance(value, tuple | list):
        if value and all(type(part) is int for part in value):
            yield list(value)
        else:
            for part in value:
                yield from _leaves(part, depth + 1)
    elif isinstance(fields := getattr(value, "__dict__", None), dict):
        for part in list(fields.values()):
            yield from _leaves(part, depth + 1)
