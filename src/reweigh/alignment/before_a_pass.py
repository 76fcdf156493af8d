"""Generators and buffers as they were before a training pass, so that it can be made again by another engine."""

from reweigh import rng
from reweigh.student import EngineTask
from reweigh.undo import values_of


class BeforeAPass:
    """What was before the pass; `back` puts it there again."""

    def __init__(self, task: EngineTask, *, buffers: bool) -> None:
        self._generators = rng.states(task.devices)
        self._buffers = [(place, name, place[name]) for place, name in task.walk.buffers] if buffers else []
        self._values_back = values_of([buffer for _, _, buffer in self._buffers])

    def back(self) -> None:
        """Put generators and buffers back."""
        rng.set_states(self._generators)
        self._values_back()
        for place, name, buffer in self._buffers:
            place[name] = buffer
