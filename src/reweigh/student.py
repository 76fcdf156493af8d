"""The student: the user's module, called with other parameters and left as it was found.

Engines ask the model odd questions (what would the losses be with dual-number parameters? with the parameters a
little further along?) in the middle of somebody's training loop. Two context managers make that safe:

- `substituted(module, params)` puts other tensors in the parameters' places, tied weights included, without touching
  the parameters themselves;
- `undisturbed(module)` gives the module copies of its buffers and forks the random number generators, so that
  BatchNorm statistics, counters and dropout masks are afterwards what they were, even when the pass raises.

What the module and the loss hold elsewhere is put back by `outside_state`; `several` takes wrappers off first.
"""

import contextlib
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh._types import Batch, Params, PerExampleLoss
from reweigh.errors import BadInput, EngineRefused
from reweigh.outside_state import kept_outside
from reweigh.several import as_given
from reweigh.several import unwrap as unwrap
from reweigh.trained import chosen_parameters as chosen_parameters
from reweigh.trained import last_layers as last_layers


def forbid_inference_mode() -> None:
    """Tensors made under `torch.inference_mode` carry no tangents and no graph: everything would silently be zero.

    Raises:
        BadInput: if it is on.
    """
    if torch.is_inference_mode_enabled():
        raise BadInput("torch.inference_mode is on, which forbids gradients: call outside of it, or use torch.no_grad")


def is_compiled(module: nn.Module) -> bool:
    """Whether the module or a part of it runs under `torch.compile`."""
    return _any_compiled(module.modules())


def _any_compiled(parts: Iterable[nn.Module]) -> bool:
    return any(hasattr(m, "_orig_mod") or getattr(m, "_compiled_call_impl", None) for m in parts)


@contextlib.contextmanager
def substituted(module: nn.Module, params: Params) -> Iterator[None]:
    """Within the block the module computes with `params` in the place of its parameters of those names.

    A parameter used in several places (tied weights) is replaced in all of them. The `Parameter` objects themselves
    are not touched, and are back in their places afterwards.
    """
    parts = list(module.modules())
    by_identity = {id(p): params[name] for name, p in module.named_parameters() if name in params}
    places = [
        (owner, leaf, p)
        for owner in parts
        for leaf, p in owner._parameters.items()
        if p is not None and id(p) in by_identity
    ]
    flat = [(m, m._flat_weights, m._flat_weight_refs) for m in parts if isinstance(m, nn.RNNBase)]
    try:
        for owner, leaf, p in places:
            owner._parameters[leaf] = cast(nn.Parameter, by_identity[id(p)])
        for rnn, weights, _ in flat:  # recurrent layers keep a second list of their weights
            rnn._flat_weights = [w if w is None else cast(nn.Parameter, by_identity.get(id(w), w)) for w in weights]
            rnn._flat_weight_refs = [w if w is None else weakref.ref(w) for w in rnn._flat_weights]
        yield
    finally:
        for owner, leaf, p in places:
            owner._parameters[leaf] = p
        for rnn, weights, refs in flat:
            rnn._flat_weights, rnn._flat_weight_refs = weights, refs


@contextlib.contextmanager
def undisturbed(module: nn.Module) -> Iterator[None]:
    """Whatever the block runs, the module and the random number generators are afterwards as they were.

    Within the block the buffers are copies, so writes to them land nowhere; attributes that a forward pass sets are set
    back too (the binding, not what a mutable object holds). Autocast forgets its cast weights on the way in and out, or
    it would go on using those of other parameters. Python's, NumPy's and PyTorch's global generators (CPU, and
    the devices that the module lives on) are restored. Compiled parts run uncompiled.
    """
    parts = list(module.modules())  # walking through a deep model takes a while
    attributes = [(part, part.__dict__.copy()) for part in parts]
    # Embeddings with max_norm rescale their weight in place whenever they are called.
    rescaled = [(part.weight, part.weight.detach().clone()) for part in _with_max_norm(parts)]
    buffers = [(part._buffers, dict(part._buffers)) for part in parts if part._buffers]
    with contextlib.ExitStack() as stack:
        stack.enter_context(rng.kept(_devices(module)))
        stack.enter_context(kept_outside(module, parts))
        if _any_compiled(parts):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        torch.clear_autocast_cache()
        try:
            copies: dict[int, Tensor] = {}
            for place, found in buffers:
                for name, buffer in found.items():
                    if buffer is not None:  # one copy for a buffer that several modules share
                        place[name] = copies.setdefault(id(buffer), buffer.detach().clone())
            yield
        finally:
            for place, found in buffers:
                place.clear()
                place.update(found)
            for weight, value in rescaled:
                weight.data.copy_(value)
            for part, values in attributes:
                part.__dict__.clear()
                part.__dict__.update(values)
            torch.clear_autocast_cache()


def _with_max_norm(parts: Iterable[nn.Module]) -> list[nn.Embedding | nn.EmbeddingBag]:
    kinds = (nn.Embedding, nn.EmbeddingBag)
    return [part for part in parts if isinstance(part, kinds) and part.max_norm is not None]


def other_masks(module: nn.Module) -> None:
    """Within `undisturbed`: let dropout draw masks that are not the ones the next pass will draw."""
    rng.seed(int(torch.randint(2**62, ())), _devices(module))


def _devices(module: nn.Module) -> set[torch.device]:
    return {p.device for p in module.parameters()}


def losses_of(module: nn.Module, per_example_loss: PerExampleLoss, batch: Batch) -> Tensor:
    """`per_example_loss(module, batch)`, checked to be what the name says: floating point, shape (B,), B >= 1.

    Raises:
        BadInput: in one sentence, if it is anything else.
    """
    losses = per_example_loss(as_given(module), batch)
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
