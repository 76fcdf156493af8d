"""Losses one a token: (B, T) with a mask of those that count, as a per-example loss may return them in a pair.

    def per_token_loss(model, batch):
        losses = F.cross_entropy(model(batch["x"]).movedim(-1, 1), batch["y"], reduction="none")    # (B, T)
        return losses, batch["y"] != PAD                                                            # which of them count

Nothing else reaches the rest of the library than a flat vector: of each example the mean over its tokens that count, (B,),
or the n tokens that count, row by row. Engines and rules know no tokens, and fillings are nowhere. More dimensions than two,
as pixels have, are tokens too.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh.errors import BadInput

PER = ("example", "token")
"""What may have a weight."""


def check_per(per: Any) -> None:
    """Whether something of the kind has weights.

    Raises:
        BadInput: if not.
    """
    if per not in PER:
        raise BadInput(f"per={per!r} is not known: choose one of {', '.join(map(repr, PER))}")


def flat(returned: Any, per: str) -> tuple[Any, Tensor | None]:
    """What a loss returned as one vector, and which tokens count (B, T), where it returned a pair; else as it is, and None.

    Raises:
        BadInput: if a pair is not losses with a mask of their shape, or no token counts; or tokens are asked for of others.
    """
    if not isinstance(returned, tuple | list):
        if per == "token":
            raise BadInput(
                "per='token' needs a loss a token and which of them count, both (B, T): let the loss return the pair "
                "(losses, counts)"
            )
        return returned, None
    losses, counts = _checked(returned)
    if per == "example":
        return mean_of_tokens(losses, counts), counts
    found = losses[counts]
    if not found.numel():
        raise BadInput("no token of the batch counts: leave such batches out, or look at the mask")
    return found, counts


def _checked(pair: Sequence[Any]) -> tuple[Tensor, Tensor]:
    if len(pair) != 2 or not all(isinstance(part, Tensor) for part in pair):
        raise BadInput(
            f"per_example_loss returned a {type(pair).__name__} of {len(pair)} things: return one loss an example, (B,), or "
            "the pair (losses, counts) of two tensors (B, T)"
        )
    losses, counts = pair
    if losses.shape != counts.shape or losses.ndim < 2:
        raise BadInput(
            f"per_example_loss returned losses of shape {tuple(losses.shape)} with a mask of shape {tuple(counts.shape)}: "
            "both must be (B, T)"
        )
    if counts.is_floating_point() or counts.is_complex():
        raise BadInput(
            f"the mask that per_example_loss returned is {counts.dtype}: give a boolean one, true where a token counts"
        )
    return losses, counts.bool()


def mean_of_tokens(values: Tensor, counts: Tensor) -> Tensor:
    """Of each example the mean over its tokens that count, (B,); zero where none does. Values (B, T), counts (B, T) bool."""
    kept = torch.where(counts, values, torch.zeros_like(values)).flatten(1).sum(1)
    return kept / counts.flatten(1).sum(1).clamp(min=1)


def at_places(values: Tensor, counts: Tensor) -> Tensor:
    """The values (n,) of the tokens that count at their places, (B, T); zero elsewhere."""
    return values.new_zeros(counts.shape).masked_scatter(counts, values)


def places(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Of each token that counts its example's row and its place in it, both (n,) int64."""
    row, place = counts.flatten(1).nonzero(as_tuple=True)
    return row, place


def of_tokens(found: Any, counts: Tensor) -> Any:
    """What is known one an example (B, ...), or a token (B, T, ...), of each token that counts, (n, ...); else as it is."""
    if isinstance(found, Tensor) and found.shape[: counts.ndim] == counts.shape:
        return found[counts.to(found.device)]
    if isinstance(found, Tensor) and found.ndim and len(found) == len(counts):
        return found[places(counts)[0].to(found.device)]
    if isinstance(found, list) and len(found) == len(counts):
        return [found[row] for row in places(counts)[0].tolist()]
    return found


def weights_of_examples(weights: Tensor, counts: Tensor) -> Tensor:
    """Weights of tokens (B, T) as one an example, (B,): where all tokens count alike, 1/n, all examples do, 1/B."""
    return mean_of_tokens(weights, counts) * (counts.sum() / len(counts)).to(weights.dtype)
