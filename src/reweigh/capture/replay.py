"""A part of a recorded pass, made again: its operations one by one, or compiled."""

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh._torch import below_autograd, without_autocast
from reweigh.capture.program import Run


class Replay:
    """Makes one part of a recorded pass again; the parts of a pass follow one another."""

    def __init__(self, run: Run, state: list[Any]) -> None:
        self._run, self._state = run, state

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """From tensors of the same shapes and kinds to the part's results, without a graph."""
        with torch.no_grad(), below_autograd():
            return self.by(self._run, inputs)

    def by(self, run: Run, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """The part, by this function that makes it."""
        found, left = run(inputs, self._state)
        self._state[:] = left
        return found


class Compiled(Replay):
    """The same, compiled; as it was recorded where that is not possible, which is said."""

    def __init__(self, run: Run, replay: Replay) -> None:
        super().__init__(replay._run, replay._state)
        # Random numbers are PyTorch's own, so that masks are those of a pass by Python.
        self._compiled = torch.compile(run, fullgraph=True, dynamic=False, options={"fallback_random": True})
        self._works = True

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """As of what it is made of."""
        if not self._works:
            return super().__call__(inputs)
        before = list(self._state)
        try:
            with torch.no_grad(), without_autocast():
                return self.by(self._compiled, inputs)
        except Exception as error:  # whatever a compiler may find
            self._works, self._state[:] = False, before
            why = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            warnings.warn(
                f"a recorded pass cannot be compiled ({why}), so that its operations are made one by one: torch.compile "
                "needs a C++ compiler such as g++; or use capture='replay'",
                stacklevel=2,
            )
            return super().__call__(inputs)
