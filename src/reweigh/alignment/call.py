"""`alignments(...)`: the one primitive, as a function."""

import warnings
from typing import Any

from torch import Tensor

from reweigh._types import AnyLoss, Batch, LayerChoice, Params
from reweigh.alignment.engine import Engine
from reweigh.alignment.remembered import choices_for, engine_for
from reweigh.errors import BadInput
from reweigh.first_look import empty, first_look
from reweigh.several import unwrap
from reweigh.student import Student
from reweigh.undo import remember, whole


@whole
def alignments(
    model: Any,
    per_example_loss: AnyLoss,
    batch: Batch,
    direction: Params,
    *,
    engine: str | Engine = "auto",
    layers: LayerChoice = None,
    per: str = "example",
) -> Tensor:
    """How each example's gradient lines up with a direction: a_i = ⟨∇ℓ_i(θ), v⟩, shape (B,), detached.

    The model, its buffers, the random number generators and `.grad` are left as found. Dropout uses the masks that the
    next forward pass would draw.

    Args:
        model: the student, or a list or dict of modules; wrappers (DDP, `torch.compile`) are taken off.
        per_example_loss: `(model, batch) -> (B,)`; or -> the pair (losses, counts), both (B, T), of tokens.
        batch: B training examples, in the form that `per_example_loss` takes.
        direction: v by parameter name, from `clean_direction`; a missing name counts as zero.
        engine: `"auto"`, `"ghost"`, `"forward"`, `"finite"`, `"double"`, or an engine object. A name is checked at the
            model's first batch and the choice remembered with the model; `explain(model)` says which was taken and why.
        layers: only the parameters inside these submodules (glob patterns or a predicate).
        per: "token" for the alignments of tokens, (B, T), zero where none counts.

    Raises:
        BadInput: if the losses are not one an example or reach no parameter, or the direction is empty or does not fit.
        EngineRefused: if the engine asked for cannot be right; the sentence names the layer and an engine that works.
    """
    task = Student(model, per_example_loss, layers, per=per).on(batch)
    tangents = task.tangents(direction)
    if not tangents:
        raise BadInput(
            f"the direction has {'an entry for none of the parameters that take part' if direction else 'no entry at all'}: "
            "make it with clean_direction() for this model, loss and layers"
        )
    if empty(tangents):
        warnings.warn("the direction is exactly zero, and so are all alignments along it", stacklevel=2)
    first_look(task.student, batch)
    found = engine_for(task, engine)
    remember(found)
    return task.placed(found.alignments(task, direction))


def explain(model: Any) -> str:
    """Which engines `alignments(model, ...)` has taken for this model, and why."""
    return "\n".join(choice.explain() for choice in choices_for(unwrap(model))) or "no alignments of this model so far"
