"""The student: the user's module, what of it takes part, and the losses of its examples.

The wrappers people train with (DistributedDataParallel, DataParallel, `torch.compile`) are taken off first: their
inner module shares the parameters and is the one that dual numbers can pass through. `reweigh.as_found` is how engines call
it with other parameters, and leave it as it was.
"""

import fnmatch
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh._types import Batch, LayerChoice, Params, PerExampleLoss
from reweigh.as_found import any_compiled
from reweigh.as_found import other_masks as other_masks
from reweigh.as_found import substituted as substituted
from reweigh.as_found import undisturbed as undisturbed
from reweigh.errors import BadInput, EngineRefused

_DATA_PARALLEL = (nn.parallel.DistributedDataParallel, nn.DataParallel)


def unwrap(model: nn.Module) -> nn.Module:
    """The innermost module of a model wrapped by DistributedDataParallel, DataParallel or `torch.compile`."""
    while True:
        if isinstance(model, _DATA_PARALLEL):
            model = model.module
        elif isinstance(inner := getattr(model, "_orig_mod", None), nn.Module):
            model = inner
        else:
            return model


def forbid_inference_mode() -> None:
    """Tensors made under `torch.inference_mode` carry no tangents and no graph: everything would silently be zero.

    Raises:
        BadInput: if it is on.
    """
    if torch.is_inference_mode_enabled():
        raise BadInput("torch.inference_mode is on, which forbids gradients: call outside of it, or use torch.no_grad")


def is_compiled(module: nn.Module) -> bool:
    """Whether the module or a part of it runs under `torch.compile`."""
    return any_compiled(module.modules())


def chosen_parameters(module: nn.Module, layers: LayerChoice = None) -> dict[str, nn.Parameter]:
    """The trainable parameters that take part, by name; with `layers`, only those inside the chosen submodules.

    A glob pattern chooses a submodule by its name, and with it everything inside: `"layer3"`, `"blocks.?"`, `"*.head"`.

    Raises:
        BadInput: if nothing is chosen, or nothing in the model is trainable.
    """
    trainable = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trainable:
        raise BadInput(
            "the model has no trainable parameter: set requires_grad=True on those that the optimizer trains"
        )
    if lazy := [name for name, p in trainable.items() if isinstance(p, nn.parameter.UninitializedParameter)]:
        raise BadInput(f"parameter {lazy[0]!r} has no shape yet: run one forward pass before asking for alignments")
    if layers is None:
        return trainable
    if callable(layers):
        roots = [name for name, part in module.named_modules() if layers(name, part)]
    else:
        roots = _matching(module, [layers] if isinstance(layers, str) else list(layers))
    inside = {id(p) for root in roots for p in module.get_submodule(root).parameters()}
    chosen = {name: p for name, p in trainable.items() if id(p) in inside}
    if not chosen:
        raise BadInput(
            f"layers={layers!r} chooses no trainable parameter: name a submodule that has some, "
            f"such as {_some_layers(module, trainable)}"
        )
    return chosen


def last_layers(module: nn.Module, share: float = 0.25) -> list[str]:
    """The names of the last layers with trainable parameters of their own: this share of them, and at least two.

    In the order in which the modules were made, which is the order of the forward pass in most code.
    """
    own = [
        name for name, part in module.named_modules() if any(p.requires_grad for p in part.parameters(recurse=False))
    ]
    count = max(2, math.ceil(share * len(own)))
    return [name for name in own[-count:] if name]


def _matching(module: nn.Module, patterns: list[str]) -> list[str]:
    names = [name for name, _ in module.named_modules() if name]
    found = {pattern: [name for name in names if fnmatch.fnmatchcase(name, pattern)] for pattern in patterns}
    for pattern, hits in found.items():
        if not hits:
            raise BadInput(
                f"layers pattern {pattern!r} matches no submodule of {type(module).__name__}: "
                f"its submodules are {', '.join(map(repr, names[:8]))}{', …' if len(names) > 8 else ''}"
            )
    return [name for hits in found.values() for name in hits]


def _some_layers(module: nn.Module, trainable: Params) -> str:
    owners = dict.fromkeys(name.rpartition(".")[0] or "(the model itself)" for name in trainable)
    return ", ".join(repr(owner) for owner in list(owners)[-3:])


def losses_of(module: nn.Module, per_example_loss: PerExampleLoss, batch: Batch) -> Tensor:
    """`per_example_loss(module, batch)`, checked to be what the name says: floating point, shape (B,), B >= 1.

    Raises:
        BadInput: in one sentence, if it is anything else.
    """
    losses = per_example_loss(module, batch)
    if not isinstance(losses, Tensor):
        raise BadInput(
            f"per_example_loss returned {type(losses).__name__}, not a tensor: return one loss an example, (B,)"
        )
    if losses.ndim == 0:
        raise BadInput(
            "per_example_loss returned a single number, so the losses are averaged or summed already: "
            "return one loss an example, with reduction='none'"
        )
    if losses.ndim > 1:
        raise BadInput(
            f"per_example_loss returned shape {tuple(losses.shape)}: return one loss an example, (B,), "
            "for instance losses.flatten(1).mean(1)"
        )
    if losses.numel() == 0:
        raise BadInput("per_example_loss returned no losses: the batch is empty")
    if not losses.is_floating_point():
        raise BadInput(f"per_example_loss returned {losses.dtype}: losses must be floating point")
    return losses


def gradients(
    outputs: Tensor, leaves: Sequence[Tensor], weights: Tensor | None = None, *, keep_graph: bool = False
) -> tuple[Tensor | None, ...]:
    """`torch.autograd.grad` of the (weighted) outputs: dense, and None for what was not used.

    Raises:
        EngineRefused: under reentrant activation checkpointing, which cannot give gradients of chosen tensors.
    """
    try:
        found = torch.autograd.grad(outputs, leaves, weights, allow_unused=True, retain_graph=keep_graph)
    except RuntimeError as error:
        if "checkpoint" not in str(error).lower() or "compatible" not in str(error):
            raise
        raise EngineRefused(_REENTRANT) from error
    # PyTorch complains only if it passes the checkpoint on its way to a leaf; what lies inside is None without a word.
    if any(g is None for g in found) and passes_through(outputs, "CheckpointFunctionBackward"):
        raise EngineRefused(_REENTRANT)
    return tuple(g.to_dense() if g is not None and g.is_sparse else g for g in found)


_REENTRANT = (
    "the model uses reentrant activation checkpointing, which no engine can go through: call "
    "torch.utils.checkpoint.checkpoint(..., use_reentrant=False)"
)


def passes_through(output: Tensor, kind: str) -> bool:
    """Whether the tensor's graph has a node of this kind, by the name that autograd gives it."""
    seen: set[Any] = set()
    todo: list[Any] = [output.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            if node.name().rpartition("::")[2] == kind:
                return True
            seen.add(node)
            todo += [following for following, _ in node.next_functions]
    return False
