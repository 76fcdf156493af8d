"""What is known of each label of a run, and of all together."""

from dataclasses import dataclass

from reweigh.ledger.visits import Array
from reweigh.rightness import Rightness


@dataclass(frozen=True)
class LabelsJudged:
    """Of the N training examples, in their order.

    Attributes:
        right: P(label right), (N,); 1 of checked ones.
        suggested: the most likely label, (N, ...), as y has it: the given one where that is it.
        probability: of that one, (N,); NaN of numbers.
        changed: where the suggested label is another than the given one, (N,).
        kind: the most likely kind of wrongness, (N,); empty where nothing is changed.
        of_all: what is known of all labels together, and whether to believe it.
    """

    right: Array
    suggested: Array
    probability: Array
    changed: Array
    kind: Array
    of_all: Rightness
