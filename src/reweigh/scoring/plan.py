"""All that scoring needs to know, settled before it begins: what any worker is told, in this process or another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reweigh.errors import BadInput
from reweigh.scoring.files import Shard
from reweigh.scoring.model import Named
from reweigh.scoring.scorer import BY
from reweigh.scoring.texts import Columns
from reweigh.words import meant

PRECONDITIONS = ("none", "adam", "target")


@dataclass(frozen=True)
class How:
    """How examples are scored.

    Attributes:
        by: "alignment", "representation" or "both".
        layers: whose parameters take part in alignments; None for all that are trained.
        precondition: "none", "adam" by the state of `optimizer`, or "target" by the target rows' own second moments.
        optimizer: the file of that state.
        batch_size: rows a batch.
        device: where.
    """

    by: str = "both"
    layers: str | None = "body"
    precondition: str = "none"
    optimizer: str | None = None
    batch_size: int = 16
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.by not in BY:
            raise BadInput(f"scores by {self.by!r} are not known: {meant(self.by, list(BY))}")
        if self.precondition not in PRECONDITIONS:
            raise BadInput(
                f"precondition={self.precondition!r} is not known: {meant(self.precondition, PRECONDITIONS)}"
            )
        if (self.precondition == "adam") != (self.optimizer is not None):
            raise BadInput(
                "--precondition adam and --optimizer go together: the state of an optimizer, as optimizer.pt of the Trainer"
            )
        if self.precondition != "none" and self.by == "representation":
            raise BadInput(
                "--precondition is for alignments, and --by representation takes none: leave one of them out"
            )
        if self.batch_size < 1:
            raise BadInput(f"--batch-size is {self.batch_size}: give a number of at least 1")

    @property
    def scores(self) -> Sequence[str]:
        """The columns of scores that come of it."""
        return BY[self.by]


@dataclass(frozen=True)
class Plan:
    """A piece of work that can be handed to any process.

    Attributes:
        model: which.
        how: examples are scored.
        shards: the files of the data, and how their rows are texts.
        columns: that.
        id: the column that rows are called by; None for FILE:ROW.
        folder: where parts are written, and the target lies.
        mark: what the scores are of, as each part and the file of scores say.
    """

    model: Named
    how: How
    shards: tuple[Shard, ...]
    columns: Columns
    id: str | None
    folder: Path
    mark: Mapping[str, Any]

    def on(self, device: str) -> "Plan":
        """The same on another device."""
        return replace(self, how=replace(self.how, device=device))
