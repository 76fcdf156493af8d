"""One pass of a module: the losses of its examples, checked, and gradients of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from reweigh._types import AnyLoss, Batch
from reweigh.errors import BadInput, EngineRefused
from reweigh.several import as_given
from reweigh.tokens import flat


def forbid_inference_mode() -> None:
    """Tensors made under `torch.inference_mode` carry no tangents and no graph: everything would silently be zero.

    Raises:
        BadInput: if it is on.
    """
    if torch.is_inference_mode_enabled():
        raise BadInput("torch.inference_mode is on, which forbids gradients: call outside of it, or use torch.no_grad")


def forbid_no_grad() -> None:
    """Training under `torch.no_grad` fails in the middle of a step, in words about graphs.

    Raises:
        BadInput: if gradients are switched off.
    """
    if not torch.is_grad_enabled():
        by = "torch.inference_mode" if torch.is_inference_mode_enabled() else "torch.no_grad"
        raise BadInput(f"gradients are switched off here ({by}), and a step needs them: call outside of it")


def check_loss(per_example_loss: Any) -> None:
    """Whether it may be one: a loss of PyTorch's by itself takes outputs and targets.

    Raises:
        BadInput: if it is none, saying how one is made of it.
    """
    kind = type(per_example_loss)
    if kind.__module__ == nn.CrossEntropyLoss.__module__:
        raise BadInput(
            f"per_example_loss is a {kind.__name__}, which takes outputs and targets: pass a function of model and batch, "
            f"such as lambda model, batch: {kind.__name__}(reduction='none')(model(batch['x']), batch['y'])"
        )
    if not callable(per_example_loss):
        raise BadInput(
            f"per_example_loss is {per_example_loss!r}: pass a function of model and batch that returns (B,)"
        )


class Scaled:
    """A loss of each example times a power of two, so that gradients do not vanish where half precision computes them.

    Whoever takes gradients or losses through it divides by `scale`: a `Student` does, so that all but `.grad` is as without.

    Attributes:
        loss: of each example, (B,).
        scale: the number, which may change between steps.
    """

    def __init__(self, loss: AnyLoss, scale: float = 1.0) -> None:
        self.loss, self.scale = loss, scale

    def __call__(self, model: Any, batch: Batch) -> Any:
        """(B,), so many times the losses; of tokens with their mask."""
        found = self.loss(model, batch)
        return (found[0] * self.scale, *found[1:]) if isinstance(found, tuple) else found * self.scale


def losses_of(module: nn.Module, per_example_loss: AnyLoss, batch: Batch, per: str = "example") -> Tensor:
    """The losses of `losses_and_counts` alone."""
    return losses_and_counts(module, per_example_loss, batch, per)[0]


def losses_and_counts(
    module: nn.Module, per_example_loss: AnyLoss, batch: Batch, per: str
) -> tuple[Tensor, Tensor | None]:
    """`per_example_loss(module, batch)`, checked to be what the name says: floating point, shape (B,), B >= 1.

    Where it gives losses of tokens with a mask: those of examples, or of the n tokens that count, and the mask (B, T).

    Raises:
        BadInput: in one sentence, if it is anything else.
    """
    losses, counts = flat(per_example_loss(as_given(module), batch), per)
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
            "for instance losses.flatten(1).mean(1); or, where these are tokens, the pair (losses, counts) with a mask of "
            "those that count"
        )
    if losses.numel() == 0:
        raise BadInput("per_example_loss returned no losses: the batch is empty")
    if not losses.is_floating_point():
        raise BadInput(f"per_example_loss returned {losses.dtype}: losses must be floating point")
    return losses, counts


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
    if any(g is None for g in found) and passes_through([outputs], "CheckpointFunctionBackward"):
        raise EngineRefused(_REENTRANT)
    return tuple(g.to_dense() if g is not None and g.is_sparse else g for g in found)


_REENTRANT = (
    "the model uses reentrant activation checkpointing, which no engine can go through: call "
    "torch.utils.checkpoint.checkpoint(..., use_reentrant=False)"
)


def passes_through(outputs: Iterable[Tensor], kind: str) -> bool:
    """Whether the tensors' graph has a node of this kind, by the name that autograd gives it."""
    return any(node.name().rpartition("::")[2] == kind for node in graph_of(outputs))


def leaves_of(outputs: Iterable[Tensor]) -> set[int]:
    """The ids of the leaves that the tensors' gradients go to, themselves among them."""
    tensors = [output for output in outputs if output.requires_grad]
    own = {id(output) for output in tensors if output.is_leaf}
    return own | {id(node.variable) for node in graph_of(tensors) if hasattr(node, "variable")}


def graph_of(outputs: Iterable[Tensor]) -> Iterator[Any]:
    """The nodes that the tensors' gradients come by, each once."""
    seen: set[Any] = set()
    todo: list[Any] = [output.grad_fn for output in outputs]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            yield node
            seen.add(node)
            todo += [following for following, _ in node.next_functions]
