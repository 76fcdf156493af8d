"""Training unrolled as plainly as autograd allows: every step keeps its graph, and the clean loss is differentiated by ω."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reference import Loss, Tensors, losses_at, trained

Weigh = Callable[[Tensor, Any, int, Tensors], Tensor]
"""(losses (B,) with their graph, batch, step, student's parameters) -> weights (B,), differentiable in ω."""


def unrolled(
    model: nn.Module,
    per_example_loss: Loss,
    batches: Sequence[Sequence[Any]],
    clean: Any,
    weigh: Weigh,
    omega: Sequence[Tensor],
    optimizer: type[torch.optim.Optimizer],
    options: dict[str, Any],
    lrs: Sequence[float],
    seeds: Sequence[int] | None = None,
) -> tuple[list[Tensor], Tensors]:
    """The derivatives of the clean loss after the last step by ω, and the parameters there.

    `batches[k]` are those accumulated in step k, `lrs[k]` its learning rate, `seeds[k]` that of its dropout masks.
    """
    params: Tensors = {name: p.detach().clone().requires_grad_() for name, p in trained(model).items()}
    state: dict[str, Tensors] = {name: {} for name in params}
    for k, parts in enumerate(batches):
        if seeds is not None:
            torch.manual_seed(seeds[k])
        losses = [losses_at(model, per_example_loss, params, batch) for batch in parts]
        weights = [weigh(found, batch, k, params) for found, batch in zip(losses, parts, strict=True)]
        # Weights multiply the losses' gradients; that they may depend on the parameters themselves is no part of the step.
        grads = torch.autograd.grad(losses, list(params.values()), weights, create_graph=True)
        step = _adam if issubclass(optimizer, torch.optim.Adam | torch.optim.AdamW) else _sgd
        decoupled = optimizer is torch.optim.AdamW
        moved = {}
        for (name, p), g in zip(params.items(), grads, strict=True):
            moved[name] = step(p, g, state[name], {**options, "lr": lrs[k], "decoupled": decoupled}, k + 1)
        params = moved
    clean_loss = losses_at(model, per_example_loss, params, clean).mean()
    return list(torch.autograd.grad(clean_loss, list(omega))), params


def _sgd(p: Tensor, g: Tensor, state: Tensors, o: dict[str, Any], t: int) -> Tensor:
    g = g + o.get("weight_decay", 0.0) * p
    if mu := o.get("momentum", 0.0):
        first = "buffer" not in state
        state["buffer"] = g if first else mu * state["buffer"] + (1 - o.get("dampening", 0.0)) * g
        g = g + mu * state["buffer"] if o.get("nesterov") else state["buffer"]
    return p - o["lr"] * g


def _adam(p: Tensor, g: Tensor, state: Tensors, o: dict[str, Any], t: int) -> Tensor:
    one, two = o.get("betas", (0.9, 0.999))
    decay = o.get("weight_decay", 0.01 if o["decoupled"] else 0.0)
    if o["decoupled"]:
        p = p - o["lr"] * decay * p
    else:
        g = g + decay * p
    zero = torch.zeros_like(p)
    state["first"] = one * state.get("first", zero) + (1 - one) * g
    state["second"] = two * state.get("second", zero) + (1 - two) * g * g
    under = state["second"]
    if o.get("amsgrad"):
        state["highest"] = under = torch.maximum(state.get("highest", zero), under)
    scale = (under / (1 - two**t)).sqrt() + o.get("eps", 1e-8)
    return p - o["lr"] / (1 - one**t) * state["first"] / scale
