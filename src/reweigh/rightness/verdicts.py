"""What has been said of a training set while a student trains, and what follows from it for each example."""

from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from reweigh.rightness.calibration import Calibration
from reweigh.rightness.memory import Memory

_COUNTED, _LEAST = 20_000, 64


@dataclass(frozen=True)
class Verdicts:
    """Of the examples that are not checked.

    Attributes:
        memory: what was said at their visits.
        checked: ids of the checked examples, which nothing is said of, (m,), ascending.
        calibration: how many labels are right; None before enough examples were seen.
    """

    memory: Memory
    checked: Tensor
    calibration: Calibration | None = None

    @classmethod
    def none(cls, groups: int) -> Self:
        """Before anything was said, by a verifier of so many groups."""
        return cls(Memory.none(groups), torch.empty(0, dtype=torch.int64))

    def with_checked(self, ids: Tensor) -> Self:
        """More examples are known to be checked, (m,)."""
        return replace(self, checked=torch.cat([self.checked, ids]).unique())

    def with_visit(self, visit: Memory) -> Self:
        """A batch was visited; what was said of it is a memory of its own, in any order."""
        ours = ~torch.isin(visit.ids, self.checked)
        parts = visit.ids[ours], visit.asked[ours], visit.given[ours], visit.suggested[ours]
        return replace(self, memory=self.memory.with_visit(*parts))

    def counted(self, classes: int, *, by_pair: bool) -> Self:
        """With right labels counted anew, from all that is remembered or so many evenly spread of them."""
        m = self.memory
        if len(m) < _LEAST:
            return self
        some = slice(None, None, -(-len(m) // _COUNTED))
        pairs, shape = (m.given[some], m.suggested[some]), (classes, classes) if by_pair else None
        return replace(self, calibration=Calibration.of(m.asked[some], pairs, shape))

    def log_odds(self, visit: Memory) -> Tensor | None:
        """Of right labels, (B,), in the visit's order: by what is remembered, or it alone; None before the counting."""
        if self.calibration is None:
            return None
        rows, known = self.memory.find(visit.ids)
        asked = visit.asked.clone()
        asked[known] = self.memory.asked[rows[known]]
        return self.calibration.log_odds(asked, (visit.given, visit.suggested))

    def judged(self) -> tuple[Tensor, Tensor, Tensor] | None:
        """Ids (N,), P(right) (N,) and suggested labels (N,) of all that is remembered; None before the counting."""
        odds = self.log_odds(self.memory)
        return None if odds is None else (self.memory.ids, torch.sigmoid(odds), self.memory.suggested)

    def state_dict(self) -> dict[str, Any]:
        """Tensors by name."""
        calibration = None if self.calibration is None else self.calibration.state_dict()
        return {"memory": self.memory.state_dict(), "checked": self.checked, "calibration": calibration}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The verdicts that `state_dict` told of."""
        calibration = state["calibration"]
        known = None if calibration is None else Calibration(**calibration)
        return cls(Memory(**state["memory"]), state["checked"], known)
