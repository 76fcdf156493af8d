"""Examples drawn by how likely each label is right, judged before training: what is drawn counts alike.

    P_i       the probability that the label is right, as under `Judged`
    chance    the sigmoid of s times the log-odds of P_i: how likely the example stands in a pass over the training set

A gradient is the same on average as under weights, but no batch holds examples that hardly count. Where 40 % of the pairs of
a corpus are misaligned, weights leave 77 of a batch of 128 that teach something: in as many steps more is learnt, which is
what matters where a student has not learnt all there is. Each pass makes another choice: what is doubtful comes up at times.
"""

from collections.abc import Callable
from typing import Self

from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rightness.known import Known
from reweigh.rules.drawing import Draws
from reweigh.rules.judged import Judged, JudgedOptions
from reweigh.rules.materials import Materials
from reweigh.rules.registry import rule


@rule("drawn", needs={"rightness"}, options=JudgedOptions, title="drawn by labels judged beforehand")
class Drawn(Draws, Judged):
    """Drawn by P(label right), known before training; examples that nothing is known of stand in every pass.

    Args:
        known: as of `Judged`.
        rows: the ids of the training examples in their order, (N,) int64.
        sharpness: as of `Judged`.

    Raises:
        BadInput: as `Judged`.
    """

    thins = True

    def __init__(self, known: Known | Callable[[], Known], rows: Tensor, *, sharpness: float = 3.0) -> None:
        super().__init__(known, sharpness=sharpness)
        self._rows = rows.cpu()

    @classmethod
    def made(cls, materials: Materials, options: JudgedOptions) -> Self:
        """For the training set, by what is said of its labels when it is first drawn from."""
        assert materials.judged is not None
        if materials.ids is None:
            raise BadInput(f"the rule {cls.name} draws examples, and nobody draws them by it here: take judged")
        return cls(materials.judged, materials.ids, sharpness=options.sharpness)

    def sampling_weights(self, labels: Tensor) -> Tensor:
        """How likely each example stands in a pass, (N,) from 0 to 1."""
        if len(labels) != len(self._rows):
            raise BadInput(f"{len(self._rows)} examples are to be drawn, and there are {len(labels)}")
        self._asked_of = True
        return self._weights(self._rows)
