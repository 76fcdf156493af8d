"""What a row is to the model: the mean of its last hidden states, later positions counting more.

    h = Σ_t t·h_t / Σ_t t        over the row's T tokens, t = 1 ... T

In a causal model the later states have seen more of the row (Muennighoff 2022, SGPT). A row's score is the cosine of
h with the mean of the target rows' h, each of length one, which is the mean of its cosines with all of them, times a
constant.
"""

from typing import Any

import torch
from torch import Tensor, nn


class Seen:
    """Within the block the last hidden states of a model's body, (B, T, D), as its pass leaves them."""

    def __init__(self, body: nn.Module) -> None:
        self._body = body
        self._states: Tensor | None = None

    def __enter__(self) -> "Seen":
        self._hook = self._body.register_forward_hook(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _see(self, body: nn.Module, inputs: Any, outputs: Any) -> None:
        states = getattr(outputs, "last_hidden_state", None)
        self._states = outputs[0] if states is None else states

    def pooled(self, lengths: Tensor) -> Tensor:
        """Of each row its mean, of length one, (B, D) in single precision; rows have `lengths` tokens, (B,)."""
        assert self._states is not None
        states = self._states.detach().float()
        places = torch.arange(1, states.shape[1] + 1, device=states.device)
        weights = torch.where(places <= lengths.to(states.device)[:, None], places, 0).to(states)
        return nn.functional.normalize(torch.einsum("bt,btd->bd", weights, states), dim=-1)
