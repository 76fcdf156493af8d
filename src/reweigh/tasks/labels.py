"""What tasks whose labels have names share: their order, their spelling, and what is said of a label that was not learnt."""

from collections.abc import Sequence

from reweigh.errors import BadInput
from reweigh.tasks.targets import Targets
from reweigh.words import listed, shown


def in_order(name: str) -> tuple[int, float, str]:
    """A key to sort by: numbers by size, then words by alphabet."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def unseen(targets: Targets, row: int, label: str, classes: Sequence[str]) -> BadInput:
    """What is wrong with a label that is not among the `classes`."""
    return BadInput(
        f"{targets.row(row)} of {targets.where} has the label {shown(label)}, which neither the training nor the clean "
        f"part has: correct it to one of {listed(classes)}"
    )


def spelling_notes(classes: Sequence[str]) -> list[str]:
    """A sentence on every group of names that differ in capitals or spaces only."""
    folded: dict[str, list[str]] = {}
    for word in classes:
        folded.setdefault(" ".join(word.casefold().split()), []).append(word)
    alike = [words for words in folded.values() if len(words) > 1]
    return [f"the labels {listed(words)} differ in spelling only, and are told apart" for words in alike]
