"""What records a pass: the operations themselves, or a CUDA graph."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from reweigh.capture.graph import Graph
from reweigh.capture.survey import Survey
from reweigh.capture.tape import Body, Tape
from reweigh.walk import Walk


class Segment(Protocol):
    """One part of a recorded pass."""

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """The part made again, from tensors of the same shapes and kinds."""
        ...


class Recorder(Protocol):
    """Records a pass part by part, while it is made."""

    @property
    def refused(self) -> str | None:
        """Why the pass cannot be recorded, in a clause."""
        ...

    @property
    def random(self) -> bool:
        """Whether it draws random numbers that PyTorch's generators have to be kept for."""
        ...

    @property
    def eps(self) -> float:
        """Of the coarsest arithmetic in the pass."""
        ...

    @property
    def operations(self) -> float:
        """How many there are, as far as is known; infinitely many where not."""
        ...

    @property
    def addresses(self) -> Sequence[tuple[Tensor, int]]:
        """Tensors that must stay where they lie, and where that is."""
        ...

    @property
    def constants(self) -> Sequence[Tensor]:
        """Tensors that are neither inputs nor held nor made on the way: taken for what they were."""
        ...

    def run(self, inputs: Sequence[Tensor], body: Body) -> list[Tensor | None]:
        """One part."""
        ...

    def done(self) -> Sequence[Segment] | None:
        """The parts; None where this was a look only."""
        ...


def on_cuda(walk: Walk) -> bool:
    """Whether all of the model is on CUDA devices."""
    return bool(walk.devices) and all(device.type == "cuda" for device in walk.devices)


def recorder_for(how: str, walk: Walk, *, surveyed: bool) -> Recorder:
    """The recorder for a model; a pass that was not `surveyed` yet is looked at before a card captures it."""
    if how == "cudagraph" or (how == "auto" and on_cuda(walk)):
        return Graph(walk) if surveyed else Survey()
    return Tape(walk, compiles=how == "compile")
