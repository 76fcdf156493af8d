"""Normalisation, y = w·x̂ + b: the gradient of w is δ·x̂ summed over an example's positions, that of b is δ summed."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reweigh.alignment.ghost.products import Arguments, Arrival, PerSampleGrads, Wanted


def normalised(function: Callable[..., Tensor], channels_second: bool) -> PerSampleGrads:
    """The rule for a norm whose parameters lie along the second dimension, or along the last ones."""

    def per_sample_grads(arrival: Arrival, wanted: Wanted) -> dict[str, Tensor]:
        delta = arrival.delta
        parameter = arrival.arguments["weight" if "weight" in wanted.names else "bias"]
        axes = [1] if channels_second else list(range(delta.ndim - parameter.ndim, delta.ndim))
        found = {}
        for name in sorted(wanted.names):  # the same order in every process, so that sums have the same bits
            terms = delta * _without_parameters(function, arrival) if name == "weight" else delta
            kept = arrival.first(terms)
            back = [axis - delta.ndim for axis in axes]
            others = [a for a in range(1, kept.ndim) if a - kept.ndim not in back]
            found[name] = kept.sum(others) if others else kept
        return found

    return per_sample_grads


def _without_parameters(function: Callable[..., Tensor], arrival: Arrival) -> Tensor:
    """x̂, and no second update of running statistics."""
    plain = {k: v for k, v in arrival.arguments.items() if k not in ("weight", "bias")}
    plain["input"] = plain["input"].detach().to(arrival.delta.dtype)
    if plain.get("training") or plain.get("use_input_stats"):
        plain |= {"running_mean": None, "running_var": None}
    return function(**plain)


def run_group_norm(arguments: Arguments) -> tuple[Tensor, tuple[Tensor, ...]] | None:
    """Group normalisation with the statistics that its backward kernel wants."""
    x, weight, bias = arguments["input"], arguments.get("weight"), arguments.get("bias")
    if weight is None or bias is None or not x.is_contiguous() or torch.is_autocast_enabled(x.device.type):
        return None
    sizes = (x.shape[0], x.shape[1], math.prod(x.shape[2:]))
    y, mean, inverse = torch.native_group_norm(
        x, weight, bias, *sizes, arguments["num_groups"], arguments.get("eps", 1e-5)
    )
    return y, (mean.detach(), inverse.detach())


def group_norm_together(arrival: Arrival, saved: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, Tensor]]:
    """One call of the backward kernel, told that the examples are channels: then it does not sum over them."""
    x, weight, groups = (arrival.arguments[name] for name in ("input", "weight", "num_groups"))
    x, (mean, inverse), n, channels = x.detach(), saved, len(x), x.shape[1]
    shape = (1, n * channels, -1)
    to_x, to_weight, to_bias = torch.ops.aten.native_group_norm_backward(
        arrival.delta.contiguous().view(shape),
        x.view(shape),
        mean.reshape(1, -1),
        inverse.reshape(1, -1),
        weight.detach().expand(n, -1).reshape(-1),
        1,
        n * channels,
        math.prod(x.shape[2:]),
        n * groups,
        [True, True, True],
    )
    return to_x.view_as(x), {"weight": to_weight.view(n, channels), "bias": to_bias.view(n, channels)}
