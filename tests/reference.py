"""The truth, written as plainly as autograd allows and as slowly as that makes it.

Nothing here is imported from reweigh. Alignments come from one backward pass for each example, the weights of
L2RW from algorithm 1 of Ren et al. (2018) as printed: a look-ahead step with a graph, differentiated again.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

Loss = Callable[[nn.Module, Any], Tensor]
Tensors = dict[str, Tensor]
Step = Callable[[Tensors, Tensors], Tensors]
"""(parameters, gradients) -> parameters after one optimizer step, differentiable in the gradients."""


def bare(model: nn.Module) -> nn.Module:
    """The module inside torch.compile and DDP."""
    while True:
        inner = getattr(model, "_orig_mod", None) or getattr(model, "module", None)
        if inner is None or not type(model).__name__.startswith(("OptimizedModule", "DistributedData")):
            return model
        model = inner


def trained(model: nn.Module) -> Tensors:
    return {name: p for name, p in bare(model).named_parameters() if p.requires_grad}


def random_direction(model: nn.Module, seed: int = 7) -> Tensors:
    """A direction with a part in every trained parameter, so that no parameter can be forgotten unseen."""
    source = torch.Generator().manual_seed(seed)
    return {name: _drawn(p, source) for name, p in trained(model).items()}


def _drawn(p: Tensor, source: torch.Generator) -> Tensor:
    drawn = torch.randn(as_real(p).shape, generator=source, dtype=torch.float64)
    return (torch.view_as_complex(drawn) if p.is_complex() else drawn).to(p)


def as_real(tensor: Tensor) -> Tensor:
    """A complex number is two real ones: PyTorch's gradient holds the slope along each."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def gradients(model: nn.Module, loss: Tensor, by_backward: bool = False) -> Tensors:
    """Dense gradients of the trained parameters; `by_backward` for models that only .backward() can serve."""
    params = trained(model)
    if not by_backward:
        found = torch.autograd.grad(loss, list(params.values()), retain_graph=True, allow_unused=True)
    else:
        bare(model).zero_grad(set_to_none=True)
        loss.backward(retain_graph=True)
        found = [p.grad for p in params.values()]
        bare(model).zero_grad(set_to_none=True)
    pairs = zip(params.items(), found, strict=True)
    return {n: torch.zeros_like(p) if g is None else g.to_dense().detach() for (n, p), g in pairs}


def dot(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> Tensor:
    """In float64 whatever the model's type: a name that one side lacks counts as zero."""
    parts = [(as_real(left[n]).double() * as_real(right[n]).double()).sum() for n in left if n in right]
    return torch.stack(parts).sum()


def loop_alignments(
    model: nn.Module, per_example_loss: Loss, batch: Any, direction: Mapping[str, Tensor], by_backward: bool = False
) -> Tensor:
    """a_i = <gradient of the loss of example i, direction>, from ONE forward pass of the whole batch.

    One pass, so that layers that mix examples (BatchNorm in train mode) mix these.
    """
    losses = per_example_loss(bare(model), batch)
    return torch.stack([dot(gradients(model, loss, by_backward), direction) for loss in losses])


def loop_clean_direction(model: nn.Module, per_example_loss: Loss, clean: Any, by_backward: bool = False) -> Tensors:
    """The gradient of the mean clean loss, by name."""
    return gradients(model, per_example_loss(bare(model), clean).mean(), by_backward)


class _Called(nn.Module):
    """Turns a loss function into a module, which is all that functional_call takes."""

    def __init__(self, model: nn.Module, per_example_loss: Loss) -> None:
        super().__init__()
        self.model, self.per_example_loss = model, per_example_loss

    def forward(self, batch: Any) -> Tensor:
        return self.per_example_loss(self.model, batch)


def losses_at(model: nn.Module, per_example_loss: Loss, params: Tensors, batch: Any) -> Tensor:
    """The losses with these parameters and a copy of the buffers, (B,), by kernels that can be derived twice."""
    inner = bare(model)
    buffers = {name: buffer.clone() for name, buffer in inner.named_buffers()}
    named = {f"model.{name}": value for name, value in {**buffers, **params}.items()}
    with sdpa_kernel(SDPBackend.MATH), torch.compiler.set_stance("force_eager"):
        return functional_call(_Called(inner, per_example_loss), named, (batch,))


def unrolled_gradient(model: nn.Module, per_example_loss: Loss, train: Any, clean: Any, step: Step) -> Tensor:
    """-d(clean loss after the look-ahead step)/d(eps) at eps = 0: equation 7 without its learning rate, (B,)."""
    params = trained(model)
    losses = losses_at(model, per_example_loss, params, train)
    eps = torch.zeros_like(losses, requires_grad=True)
    grads = torch.autograd.grad(
        (eps * losses).sum(), list(params.values()), create_graph=True, allow_unused=True, materialize_grads=True
    )
    ahead = step(params, {name: g.to_dense() for name, g in zip(params, grads, strict=True)})
    clean_loss = losses_at(model, per_example_loss, ahead, clean).mean()
    return -torch.autograd.grad(clean_loss, eps)[0]


def l2rw_weights(u: Tensor) -> Tensor:
    """Equations 8 and 9: rectified, sum to one, all zero where nothing is positive."""
    positive = u.clamp(min=0)
    total = positive.sum()
    return positive / total if total > 0 else positive


def unrolled_l2rw(model: nn.Module, per_example_loss: Loss, train: Any, clean: Any, step: Step) -> Tensor:
    """The weights of algorithm 1, (B,)."""
    return l2rw_weights(unrolled_gradient(model, per_example_loss, train, clean, step))


def sgd_step(
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
    buffers: Tensors | None = None,
) -> Step:
    """torch.optim.SGD's step from a given momentum buffer (none: the first step), written to be differentiated."""

    def step(params: Tensors, grads: Tensors) -> Tensors:
        ahead = {}
        for name, p in params.items():
            g = grads[name] + weight_decay * p
            if momentum:
                buffer = g if not buffers else momentum * buffers[name] + (1 - dampening) * g
                g = g + momentum * buffer if nesterov else buffer
            ahead[name] = p - lr * g
        return ahead

    return step


def adam_step(
    lr: float,
    first: Tensors,
    second: Tensors,
    taken: int,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> Step:
    """torch.optim.Adam's (decoupled: AdamW's) step from given moments after `taken` steps."""
    one, two = betas
    t = taken + 1

    def step(params: Tensors, grads: Tensors) -> Tensors:
        ahead = {}
        for name, p in params.items():
            g = grads[name] if decoupled else grads[name] + weight_decay * p
            shrunk = p * (1 - lr * weight_decay) if decoupled else p
            mean = one * first[name] + (1 - one) * g
            square = two * second[name] + (1 - two) * g * g
            scale = (square / (1 - two**t)).sqrt() + eps
            ahead[name] = shrunk - lr / (1 - one**t) * mean / scale
        return ahead

    return step
