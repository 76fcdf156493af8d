"""Generators and buffers as they were before a training pass, so that it can be made again by another engine."""

from reweigh import rng
from reweigh.student import EngineTask


class BeforeAPass:
    """What was before the pass; `back` puts it there again."""

    def __init__(self, task: EngineTask, *, buffers: bool) -> None:
        self._generators = rng.states(task.devices)
        places = [part._buffers for part in task.walk.parts if part._buffers] if buffers else []
        self._buffers = [
            (place, name, buffer, buffer.detach().clone())
            for place in places
            for name, buffer in place.items()
            if buffer is not None
        ]

    def back(self) -> None:
        """Put generators and buffers back."""
        rng.set_states(self._generators)
        for place, name, buffer, value in self._buffers:
            buffer.data.copy_(value)
            place[name] = buffer
