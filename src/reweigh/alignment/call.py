"""`alignments(...)`: the one primitive, as a function."""

from torch import Tensor, nn

from reweigh._types import Batch, LayerChoice, Params, PerExampleLoss
from reweigh.alignment.choose import choices_for, engine_for
from reweigh.alignment.engine import Engine, Task
from reweigh.student import unwrap
from reweigh.undo import remember, whole


@whole
def alignments(
    model: nn.Module,
    per_example_loss: PerExampleLoss,
    batch: Batch,
    direction: Params,
    *,
    engine: str | Engine = "auto",
    layers: LayerChoice = None,
) -> Tensor:
    """How each example's gradient lines up with a direction: a_i = ⟨∇ℓ_i(θ), v⟩, shape (B,), detached.

    The model, its buffers, the random number generators and `.grad` are left as found. Dropout uses the masks that the
    next forward pass would draw.

    Args:
        model: the student; wrappers (DDP, `torch.compile`) are taken off.
        per_example_loss: `(model, batch) -> (B,)`.
        batch: B training examples, in the form that `per_example_loss` takes.
        direction: v by parameter name, from `clean_direction`; a missing name counts as zero.
        engine: `"auto"`, `"ghost"`, `"forward"`, `"finite"`, `"double"`, or an engine object. A name is checked at the
            model's first batch and the choice remembered with the model; `explain(model)` says which was taken and why.
        layers: only the parameters inside these submodules (glob patterns or a predicate).

    Raises:
        BadInput: if the losses are not one an example, or the direction does not fit the model.
        EngineRefused: if the engine asked for cannot be right; the sentence names the layer and an engine that works.
    """
    task = Task(model, per_example_loss, batch, layers)
    found = engine_for(task, engine)
    remember(found)
    return found.alignments(task, direction)


def explain(model: nn.Module) -> str:
    """Which engines `alignments(model, ...)` has taken for this model, and why."""
    return "\n".join(choice.explain() for choice in choices_for(unwrap(model))) or "no alignments of this model so far"
