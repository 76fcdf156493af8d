"""How L2RW's weights are computed elsewhere.

Three differentiate twice, through a look-ahead step (Ren et al. 2018, equations 4 to 9): take an SGD step on Σ ε_i l_i at
ε = 0 and keep its graph, differentiate the clean loss after the step with respect to ε, rectify, divide by the sum. They
differ in who keeps the graph: the user, `higher`, or TorchOpt. None of the fused attention kernels has a second derivative,
so the plain one is asked for. `per_example_gradients` compares every example's own gradient with the clean one, by
torch.func. (Betty's approximation: `benchmarks/betty_weights.py`.)
"""

import warnings

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.tasks import Batch, per_example_loss

LOOK_AHEAD = 0.1  # the look-ahead step's learning rate; it cancels when the weights are normalised


def normalise(gradient: Tensor) -> Tensor:
    """d clean loss/dε (B,) -> weights (B,), rectified, summing to one (equations 8 and 9)."""
    positive = (-gradient).clamp(min=0)
    total = positive.sum()
    return positive / torch.where(total > 0, total, torch.ones_like(total))


def zeros_like_examples(batch: Batch, dtype: torch.dtype) -> Tensor:
    """The ε of a batch: zeros (B,) that gradients are taken of."""
    return torch.zeros(len(batch["y"]), dtype=dtype, device=batch["y"].device, requires_grad=True)


def by_hand(model: nn.Module, batch: Batch, clean: Batch) -> Tensor:
    """Weights (B,) with `create_graph=True` and `functional_call`: what people write themselves."""
    with sdpa_kernel(SDPBackend.MATH):
        names, parameters = zip(*model.named_parameters(), strict=True)
        eps = zeros_like_examples(batch, parameters[0].dtype)
        loss = (eps * per_example_loss(model, batch)).sum()
        gradients = torch.autograd.grad(loss, parameters, create_graph=True)
        ahead = {k: p - LOOK_AHEAD * g for k, p, g in zip(names, parameters, gradients, strict=True)}
        clean_loss = per_example_loss(lambda x: functional_call(model, ahead, (x,)), clean).mean()
        (gradient,) = torch.autograd.grad(clean_loss, eps)
    return normalise(gradient)


def with_higher(model: nn.Module, batch: Batch, clean: Batch) -> Tensor:
    """Weights (B,) with `higher`'s patched module and differentiable optimizer."""
    import higher  # type: ignore[import-untyped]

    step = torch.optim.SGD(model.parameters(), lr=LOOK_AHEAD)
    eps = zeros_like_examples(batch, next(model.parameters()).dtype)
    with (
        sdpa_kernel(SDPBackend.MATH),
        higher.innerloop_ctx(model, step, copy_initial_weights=False) as (patched, differentiable),
    ):
        differentiable.step((eps * per_example_loss(patched, batch)).sum())
        (gradient,) = torch.autograd.grad(per_example_loss(patched, clean).mean(), eps)
    return normalise(gradient)


def per_example_gradients(model: nn.Module, batch: Batch, clean: Batch) -> Tensor:
    """Weights (B,) from all B gradients, by `vmap(grad(...))`; B times the memory of the parameters."""
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    buffers = dict(model.named_buffers())

    def loss_of_one(parameters: Batch, x: Tensor, y: Tensor) -> Tensor:
        def one(x: Tensor) -> Tensor:
            out: Tensor = functional_call(model, (parameters, buffers), (x,))
            return out

        return per_example_loss(one, {"x": x[None], "y": y[None]})[0]

    with sdpa_kernel(SDPBackend.MATH):
        leaves = list(model.parameters())
        direction = torch.autograd.grad(per_example_loss(model, clean).mean(), leaves)
        each = vmap(grad(loss_of_one), (None, 0, 0), randomness="same")(parameters, batch["x"], batch["y"])
    shares = [own.flatten(1) @ v.flatten() for own, v in zip(each.values(), direction, strict=True)]
    return normalise(-torch.stack(shares).sum(0))


def with_torchopt(model: nn.Module, batch: Batch, clean: Batch) -> Tensor:
    """Weights (B,) with TorchOpt's MetaSGD; the parameters are put back afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchopt

    parameters = {id(m): dict(m._parameters) for m in model.modules()}
    eps = zeros_like_examples(batch, next(model.parameters()).dtype)
    with sdpa_kernel(SDPBackend.MATH):
        torchopt.MetaSGD(model, lr=LOOK_AHEAD).step((eps * per_example_loss(model, batch)).sum())
        (gradient,) = torch.autograd.grad(per_example_loss(model, clean).mean(), eps)
    for module in model.modules():
        module._parameters.update(parameters[id(module)])
    return normalise(gradient)
