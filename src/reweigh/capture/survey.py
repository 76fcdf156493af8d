"""A look at a pass before a card captures it: whether a capture could hold it, and what bars it where it could not."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from reweigh.capture.noting import Readers, noting, tensors_in
from reweigh.capture.refused import why_not
from reweigh.capture.tape import Body


class Survey:
    """Makes a pass as it is, and records nothing.

    Attributes:
        refused: why it cannot be captured, in a clause.
    """

    def __init__(self) -> None:
        self.refused: str | None = None
        self.random, self.eps, self.operations = (
            True,
            0.0,
            math.inf,
        )  # generators are kept for it as for a first recording
        self.addresses: Sequence[tuple[Tensor, int]] = ()
        self.constants: Sequence[Tensor] = ()

    def run(self, inputs: Sequence[Tensor], body: Body) -> list[Tensor | None]:
        """One part."""
        with noting(self._note), Readers() as readers:
            found = body(inputs)
        self.refused = self.refused or readers.found
        return found

    def done(self) -> None:
        """There is nothing to make again yet."""

    def _note(self, func: Any, args: Any, kwargs: dict[str, Any], out: Any) -> None:
        if self.refused is None:
            self.refused = why_not(func, args, kwargs, tensors_in((args, kwargs, out)))
