"""The tensors that a pass is given anew each time: those of the batch, and others by name; and what else it depends on."""

from collections.abc import Hashable, Mapping, Sequence

from torch import Tensor

from reweigh._types import Batch
from reweigh.batches import Path, parts_of, replaced

_PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Inputs:
    """A batch and other tensors as one list.

    Attributes:
        tensors: those of the batch, then the others.
        kind: where they belong, and what else the batch holds, to be compared.
        bar: why a pass for such a batch cannot be recorded, in a clause; "" where it can.
    """

    def __init__(self, batch: Batch, others: Mapping[str, Tensor]) -> None:
        self._batch, self._names = batch, list(others)
        self._paths: list[Path] = []
        self.tensors: list[Tensor] = []
        rest: list[Hashable] = []
        self.kind: Hashable = None
        self.bar = "the batch holds more than tensors, numbers and words"
        for path, part in parts_of(batch):
            if isinstance(part, Tensor):
                self._paths.append(path)
                self.tensors.append(part)
            elif isinstance(part, _PLAIN):
                rest.append((path, part))
            else:
                return
        self.tensors += others.values()
        self.bar, self.kind = "", (tuple(self._paths), tuple(rest), tuple(self._names))

    def taken(self, tensors: Sequence[Tensor]) -> tuple[Batch, dict[str, Tensor]]:
        """The batch and the others with these tensors in the places of their own; the batch itself where they are those."""
        others = dict(zip(self._names, tensors[len(self._paths) :], strict=True))
        if all(one is other for one, other in zip(tensors, self.tensors, strict=True)):
            return self._batch, others
        at = dict(zip(self._paths, tensors, strict=False))
        return replaced(self._batch, lambda path, part: at.get(path, part)), others
