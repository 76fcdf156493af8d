"""A batch's scores: its losses, and how each example lies to the target set, by its gradient and by its hidden states."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from reweigh._types import Batch
from reweigh.alignment import AutoEngine, Student
from reweigh.culprits import named, not_finite
from reweigh.errors import NonFinite
from reweigh.first_look import first_look
from reweigh.scoring.model import Loaded
from reweigh.scoring.representation import Seen
from reweigh.scoring.texts import Part

ALIGNMENT, REPRESENTATION = "alignment", "representation"
BY = {ALIGNMENT: (ALIGNMENT,), REPRESENTATION: (REPRESENTATION,), "both": (ALIGNMENT, REPRESENTATION)}
"""What can be asked for, and the scores that come of it."""


class Target(NamedTuple):
    """What examples are compared with: a direction by parameter name, and the target rows' mean state, (D,)."""

    direction: dict[str, Tensor] | None
    state: Tensor | None


def losses(model: nn.Module, batch: Batch) -> Tensor:
    """Of each row the mean loss of its tokens that count, (B,)."""
    from reweigh.hosts.transformers import causal_lm_loss  # whoever scores nothing does without the library

    return causal_lm_loss(model, {name: batch[name] for name in ("input_ids", "labels")})


class Scorer:
    """Scores batches by one model against one target.

    Args:
        loaded: the model.
        target: a direction, a state, or both; what is None gives no score.
        layers: whose parameters take part in alignments.
    """

    def __init__(self, loaded: Loaded, target: Target, layers: str | None = "body") -> None:
        self._loaded, self._target = loaded, target
        self._student, self._engine = Student(loaded.network, losses, layers), AutoEngine("auto")
        self._looked = False

    def __call__(self, part: Part, ids: list[str]) -> Mapping[str, Tensor]:
        """Of each row, (B,): "loss", and "alignment" and "representation" where the target has what they need.

        Args:
            part: the batch.
            ids: what the rows are called, for people.

        Raises:
            NonFinite: if one of the numbers is not finite, with ids.
            EngineRefused: if no engine works for the model.
        """
        batch = {name: tensor.to(self._loaded.device) for name, tensor in part.batch.items()}
        found: dict[str, Tensor] = {}
        if self._target.state is not None:
            with torch.no_grad(), Seen(self._loaded.body) as seen:
                found["loss"] = losses(self._loaded.network, batch)
                found[REPRESENTATION] = seen.pooled(part.lengths) @ self._target.state.to(self._loaded.device)
        if self._target.direction is not None:
            found |= self._aligned(batch, self._target.direction, "loss" in found)
        for name, values in found.items():
            if rows := not_finite(values):
                raise NonFinite(
                    f"the {name} of {named(rows, ids, len(ids))} is not finite: look at these rows and at the model, "
                    "or leave them out"
                )
        return {name: values.detach().double().cpu() for name, values in found.items()}

    def _aligned(self, batch: Batch, direction: dict[str, Tensor], loss_known: bool) -> dict[str, Tensor]:
        """The alignments, and the losses where no pass before has shown them."""
        task = self._student.on(batch)
        if not self._looked:
            first_look(self._student, batch)
            self._looked = True
        if loss_known:
            return {ALIGNMENT: self._engine.alignments(task, direction)}
        alignments, found = self._engine.alignments_and_losses(task, direction)
        return {"loss": found, ALIGNMENT: alignments}
