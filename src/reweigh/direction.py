"""The clean direction v: where the parameters would have to go for the clean loss to fall.

For L2RW (Ren et al. 2018, equations 5 to 7) the examples' perturbations ε start at zero, so the look-ahead point is θ
itself and v = ∇L_clean(θ): no second-order differentiation is needed. With `optimizer=` the look-ahead is the optimizer's
own step instead of plain SGD's: the clean gradient is taken where the step would lead with a data gradient of zero
(momentum, decay and moments only), and is then carried back through the step (v = P·∇L_clean). In both cases

    ∂L_clean/∂ε_i = −⟨∇ℓ_i(θ), v⟩        (times the learning rate without `optimizer=`)
"""

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from reweigh import optimizers
from reweigh._types import Batch, LayerChoice, Params, PerExampleLoss
from reweigh.as_found import other_masks, substituted, undisturbed
from reweigh.errors import BadInput
from reweigh.student import (
    chosen_parameters,
    forbid_inference_mode,
    gradients,
    losses_of,
    unwrap,
)
from reweigh.undo import whole


@whole
def clean_direction(
    model: nn.Module,
    per_example_loss: PerExampleLoss,
    clean_batch: Batch,
    *,
    optimizer: Optimizer | None = None,
    layers: LayerChoice = None,
    at: Params | None = None,
    gradient: Params | None = None,
    weight_decay: float = 0.0,
) -> dict[str, Tensor]:
    """The gradient of the mean clean loss, by parameter name; with `optimizer`, as the optimizer would apply it.

    The model, its buffers, the random number generators and `.grad` are left as found. Dropout draws masks of its own
    here, so that a clean and a training batch of the same size do not share theirs.

    Args:
        model: the student; wrappers (DDP, `torch.compile`) are taken off.
        per_example_loss: `(model, batch) -> (M,)`.
        clean_batch: M clean examples, in the form that `per_example_loss` takes.
        optimizer: carry the gradient exactly through the step of SGD (momentum, Nesterov, weight decay), Adam or AdamW;
            any other optimizer is treated as plain SGD with its learning rate, with one warning.
        layers: only the parameters inside these submodules; the backward pass stops there.
        at: parameters to evaluate the gradient at; default: the model's own, or the look-ahead with `optimizer`.
        gradient: the data gradient at which the optimizer's step is looked at; default zero.
        weight_decay: λ adds λθ to the gradient, as the released code of Ren et al. does (not in the paper).

    Raises:
        BadInput: if the losses are not one an example, nothing is chosen by `layers`, or the optimizer trains none of it.
        EngineRefused: under reentrant activation checkpointing, which cannot give gradients of chosen parameters.
    """
    return direction_and_loss(
        model,
        per_example_loss,
        clean_batch,
        optimizer=optimizer,
        layers=layers,
        at=at,
        gradient=gradient,
        weight_decay=weight_decay,
    )[0]


def direction_and_loss(
    model: nn.Module,
    per_example_loss: PerExampleLoss,
    clean_batch: Batch,
    *,
    optimizer: Optimizer | None = None,
    layers: LayerChoice = None,
    at: Params | None = None,
    gradient: Params | None = None,
    weight_decay: float = 0.0,
) -> tuple[dict[str, Tensor], Tensor]:
    """As `clean_direction`, with the mean clean loss, shape (), beside it."""
    forbid_inference_mode()
    module = unwrap(model)
    chosen = chosen_parameters(module, layers)
    point: Params = at or {}
    if optimizer is not None:
        if not optimizers.trains(optimizer, chosen):
            raise BadInput(
                "optimizer= trains none of the parameters that take part: pass the one that trains this model"
            )
        if at is None:
            point = optimizers.look_ahead(optimizer, dict(module.named_parameters()), gradient)
    v, loss = _gradient(module, per_example_loss, clean_batch, chosen, point)
    if weight_decay:
        v = {name: g + weight_decay * point.get(name, chosen[name]).detach() for name, g in v.items()}
    return (v if optimizer is None else optimizers.carried(v, optimizer, chosen, gradient)), loss


def _gradient(
    module: nn.Module, per_example_loss: PerExampleLoss, batch: Batch, chosen: Params, point: Params
) -> tuple[dict[str, Tensor], Tensor]:
    """∇ of the mean loss with respect to the chosen parameters alone, at `point`; layers below them record no graph."""
    values = {name: point.get(name, p).detach() for name, p in module.named_parameters()}
    leaves = [values[name].requires_grad_() for name in chosen]
    with undisturbed(module), substituted(module, values), torch.enable_grad():
        other_masks(module)
        loss = losses_of(module, per_example_loss, batch).mean()
        if not loss.requires_grad:
            raise BadInput(
                "the clean loss does not depend on the parameters: check that per_example_loss calls the model "
                "it is given, and not under torch.no_grad"
            )
        grads = gradients(loss, leaves)
    return {name: g for name, g in zip(chosen, grads, strict=True) if g is not None}, loss.detach()
