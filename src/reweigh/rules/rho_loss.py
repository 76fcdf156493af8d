"""Prioritized Training on Points that are Learnable, Worth Learning, and Not Yet Learnt (Mindermann et al.; ICML 2022).

    reducible loss = ℓ_i of the student − ℓ_i of a second model that learnt from the clean set alone, and no further

An example of high loss is worth a step where the second model finds it easy, and is passed over where that one finds it
hard too: a wrong label has a high loss under both. Of each batch the share with the highest reducible losses is learnt
from, all of it alike, and the rest not at all.

The second model has the student's architecture and first parameters. A fifth of the clean set is held back from its
training, and the parameters with the lowest loss there count. Its loss of an example is worked out at the first visit,
without dropout, and kept by the example's id. Two things to know: the scores are as good as a model of so few examples can
be; and a clean example that is trained on as well looks easy to a model that learnt it, so that it is chosen more often.
"""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from reweigh import distributed, rng
from reweigh._types import Batch
from reweigh.errors import BadInput, NonFinite
from reweigh.rules.materials import Materials, SecondModel
from reweigh.rules.registry import rule
from reweigh.rules.rule import Evidence, Rule, to_sum_one, whole_ids

_BATCH, _HELD_BACK = 32, 5


@dataclass(frozen=True)
class RHOOptions:
    """The share of each batch that is learnt from (0.1 in the paper), and how often the second model sees the clean set."""

    share: float = 0.1
    passes: int = 100


@rule("rho-loss", needs={"second model"}, options=RHOOptions, title="RHO-loss")
class RHOLoss(Rule):
    """The share of a batch with the highest reducible holdout loss.

    Args:
        share: of each batch, above 0 and at most 1; at least one example is chosen.
        passes: over the clean set, at most, when the second model is trained.
        ids: from a batch to whole numbers, (B,); default: `batch["id"]`.

    Raises:
        BadInput: for a share or a number of passes that cannot be used.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"losses"})

    def __init__(self, share: float = 0.1, passes: int = 100, ids: Callable[[Batch], Tensor] | None = None) -> None:
        if not isinstance(share, float | int) or not 0 < share <= 1:
            raise BadInput(f"share={share!r}: give a share of the batch above 0 and at most 1, such as 0.1")
        if not isinstance(passes, int) or isinstance(passes, bool) or passes < 1:
            raise BadInput(f"passes={passes!r}: give a whole number of at least 1")
        self.share, self.passes, self.ids = float(share), passes, ids
        self._irreducible: dict[int, float] = {}
        self._second: SecondModel | None = None
        self._seed, self._trained = 0, False

    def prepare(self, materials: Materials) -> None:
        """Keep a copy of the student as it is before its first step; it learns when the first weights are due."""
        materials.check_has({"second model"}, self.name)
        assert materials.second_model is not None
        given = materials.second_model
        model, self._seed = copy.deepcopy(given.student), materials.seed("second model")
        self._second = SecondModel(student=model, loss=given.loss, clean=given.clean, optimizer=given.optimizer)
        self._irreducible, self._trained = {}, False

    def weigh(self, evidence: Evidence) -> Tensor:
        """One for each chosen example and zero for the others, then summing to one."""
        with distributed.together(evidence.like.device):
            losses = evidence.known("losses").detach()
            reducible = losses.double().cpu() - self.irreducible(evidence.batch, evidence.size)
            if bool(reducible.isnan().any()):
                raise NonFinite("a reducible loss is NaN, so that it has no rank: look at these examples")
        chosen = distributed.over_the_batch(self._chosen, reducible.to(losses.device))
        return to_sum_one(chosen.to(evidence.like))

    def _chosen(self, reducible: Tensor) -> Tensor:
        best = reducible.topk(max(1, round(self.share * len(reducible)))).indices
        return torch.zeros_like(reducible).index_fill(0, best, 1.0)

    def irreducible(self, batch: Batch, size: int) -> Tensor:
        """The second model's loss of each example, (B,), float64 on the CPU.

        Raises:
            BadInput: if the batch has no ids, or `prepare` was never called.
        """
        ids = self._ids(batch, size)
        if any(name not in self._irreducible for name in ids):
            self._irreducible.update(zip(ids, self._second_losses(batch), strict=True))
        return torch.tensor([self._irreducible[name] for name in ids], dtype=torch.float64)

    def state_dict(self) -> dict[str, Any]:
        """The second model, once it is trained, and the losses that it has given so far."""
        names, losses = list(self._irreducible), list(self._irreducible.values())
        second = self._second.student.state_dict() if self._second is not None and self._trained else None
        known = {"ids": torch.tensor(names, dtype=torch.int64), "losses": torch.tensor(losses, dtype=torch.float64)}
        return {"second_model": second, **known}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where the other left off; a second model that is trained is not trained again.

        Raises:
            BadInput: if it is no such state, or the second model's is another model's.
        """
        try:
            known = dict(zip(state["ids"].tolist(), state["losses"].tolist(), strict=True))
            second = state["second_model"]
            if second is not None and self._second is not None:
                self._second.student.load_state_dict(second)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as wrong:
            raise BadInput(f"this is no state of a {self.name} rule: give what its state_dict() returned") from wrong
        self._irreducible, self._trained = known, second is not None

    def __getstate__(self) -> dict[str, Any]:
        """Without what trains the second model, which may be no more than a function of the caller's."""
        return {**vars(self), "_second": None, "_trained": False}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(share={self.share}, passes={self.passes})"

    def _ids(self, batch: Batch, size: int) -> list[int]:
        try:
            found = batch["id"] if self.ids is None else self.ids(batch)
        except (KeyError, TypeError, IndexError):
            found = None
        return whole_ids(found, size)

    def _second_losses(self, batch: Batch) -> list[float]:
        if self._second is None:
            raise BadInput(
                f"the {self.name} rule has no second model: call prepare(Materials(second_model=SecondModel(...))) first"
            )
        if not self._trained:
            devices = [next(self._second.student.parameters()).device]
            with rng.kept(devices):
                rng.seed(self._seed, devices)
                train(self._second, self.passes, self._seed)
            self._trained = True
        losses = _losses(self._second, batch)
        if not bool(losses.isfinite().all()):
            raise NonFinite(
                "the second model's loss of an example is not finite: look at the clean set, or lower the lr"
            )
        found: list[float] = losses.tolist()
        return found


def train(second: SecondModel, passes: int, seed: int) -> None:
    """Train the model in place on four fifths of the clean set; the parameters with the lowest loss on the rest stay."""
    draw = torch.Generator().manual_seed(seed)
    rows = torch.randperm(len(second.clean), generator=draw)
    held, learnt = rows[: len(rows) // _HELD_BACK], rows[len(rows) // _HELD_BACK :]
    optimizer, best, lowest = second.optimizer(second.student), None, math.inf
    for _ in range(passes):
        second.student.train()
        order = learnt[torch.randperm(len(learnt), generator=draw)]
        for chosen in order.tensor_split(math.ceil(len(order) / _BATCH)):
            optimizer.zero_grad()
            with torch.enable_grad():
                second.loss(second.student, second.clean.batch(chosen)).mean().backward()
            optimizer.step()
        if len(held):
            loss = torch.cat([_losses(second, second.clean.batch(part)) for part in held.split(_BATCH)]).mean().item()
            if loss < lowest:
                best, lowest = copy.deepcopy(second.student.state_dict()), loss
    optimizer.zero_grad()
    if best is not None:
        second.student.load_state_dict(best)


def _losses(second: SecondModel, batch: Batch) -> Tensor:
    """(B,), float64 on the CPU, as the model predicts."""
    model: nn.Module = second.student.eval()
    with torch.no_grad():
        return second.loss(model, batch).double().cpu()
