"""A stand-in for CUDA graphs: a capture changes only what Python binds, and a replay writes to the same memory each time."""

from typing import Any

import pytest
import torch

from reweigh.capture import graph as graphs
from reweigh.capture import recorder
from reweigh.capture.proof import undone
from reweigh.capture.tape import Tape
from reweigh.walk import Walk


class StandIn:
    """What `torch.cuda.CUDAGraph` is here: the operations of a capture."""

    segment: Any
    places: list[torch.Tensor]
    results: list[torch.Tensor | None]

    def replay(self) -> None:
        """The operations again, into the results of the capture; of a pass, the parts in their order."""
        for place, value in zip(self.results, self.segment(self.places), strict=True):
            if place is not None:
                place.data.copy_(value)


class Captured(graphs.Graph):
    """A graph recorded by a tape, whose capture leaves buffers and generators alone as CUDA's does."""

    def __init__(self, walk: Walk) -> None:
        super().__init__(walk)
        self._walk, self._tape, self._stand_ins = walk, Tape(walk), []

    def captured(self, graph: Any, body: Any, places: Any) -> Any:
        with undone(self._walk):
            found = self._tape.run(places, body)
        if self._tape.refused:
            raise RuntimeError(f"operation not permitted when stream is capturing: {self._tape.refused}")
        graph.places, graph.results = places, [None if t is None else t.detach() for t in found]
        self._stand_ins.append(graph)
        with undone(self._walk):  # a card would have what earlier parts left in its memory
            for one, segment in zip(self._stand_ins, again(self._tape), strict=True):
                one.segment = segment
                if one is not graph:
                    segment(one.places)
        return found


def again(tape: Tape) -> list[Any]:
    """The segments of all parts so far; the tape can go on."""
    alive, parts = tape._alive, tape._parts
    segments = tape.done()
    tape._alive, tape._parts = alive, parts
    return segments


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA graphs on this machine's processor."""

    monkeypatch.setattr(torch.cuda, "CUDAGraph", StandIn)
    monkeypatch.setattr(recorder, "on_cuda", lambda walk: True)
    monkeypatch.setattr(recorder, "Graph", Captured)
    monkeypatch.setattr("reweigh.capture.captures.on_cuda", lambda walk: True)
