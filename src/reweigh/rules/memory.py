"""A running mean of one number an example, by the example's name: one visit's is mostly noise, their mean is not."""

import functools
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh.undo import unless_done


class Memory:
    """The mean over an example's visits, later ones counting more: what a visit counts halves with every `half_life` visits.

        m_n = Σ_k 2^(−(n−k)/h) a_k / Σ_k 2^(−(n−k)/h)

    So the first visit counts whole, and nothing has to be corrected later. Names may be any whole numbers, or tuples of
    them; the numbers lie in two flat tensors, where the visits' were, in the order in which the names came.
    """

    def __init__(self, half_life: float) -> None:
        self._kept = 2.0 ** (-1 / half_life)
        self._rows: dict[Hashable, int] = {}
        self._means, self._visits = torch.empty(0), torch.empty(0, dtype=torch.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def visit(self, names: Sequence[Hashable], values: Tensor) -> Tensor:
        """Take note of one visit to each of these examples, and return their means, (B,).

        One that stands in the batch several times has come once, with the mean of its values.
        """
        unless_done(functools.partial(self._forget_after, len(self._rows)))
        rows = torch.tensor([self._rows.setdefault(name, len(self._rows)) for name in names], dtype=torch.int64)
        own, places = rows.to(values.device).unique(return_inverse=True)
        self._make_room(values)
        before, visits = self._means[own], self._visits[own]
        unless_done(functools.partial(self._write, own, before, visits))
        zeros = torch.zeros_like(before)
        times = zeros.index_add(0, places, torch.ones_like(values, dtype=before.dtype))
        come = zeros.index_add(0, places, values.to(before)) / times
        step = (1 - self._kept) / (1 - self._kept ** (visits + 1).to(before))
        self._write(own, torch.where(visits == 0, come, before + step * (come - before)), visits + 1)
        return self._means[own][places]

    def _write(self, rows: Tensor, means: Tensor, visits: Tensor) -> None:
        self._means[rows] = means.to(self._means)
        self._visits[rows] = visits

    def _forget_after(self, count: int) -> None:
        while len(self._rows) > count:  # the last ones to come
            self._rows.popitem()
        self._visits[count:] = 0

    def _make_room(self, like: Tensor) -> None:
        """As much again where it is full, in a type that holds what comes."""
        dtype = torch.promote_types(torch.promote_types(self._means.dtype, like.dtype), torch.float32)
        means, visits = self._means.to(like.device, dtype), self._visits.to(like.device)
        if (lacking := len(self._rows) - len(means)) > 0:
            more = max(lacking, len(means), 1024)
            means, visits = torch.cat([means, means.new_zeros(more)]), torch.cat([visits, visits.new_zeros(more)])
        self._means, self._visits = means, visits

    def state_dict(self) -> dict[str, Tensor]:
        """Names (N,) or (N, k), means (N,) and visits (N,)."""
        n = len(self._rows)
        names = torch.tensor(list(self._rows), dtype=torch.int64)
        return {"ids": names, "means": self._means[:n].clone(), "visits": self._visits[:n].clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where `state_dict` left off.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: if it is no such state.
        """
        means, visits = state["means"], state["visits"]
        rows: dict[Hashable, int] = {}
        for name in state["ids"].tolist():
            rows[tuple(name) if isinstance(name, list) else name] = len(rows)
        if not (len(rows) == len(state["ids"]) == len(means) == len(visits) and bool(means.isfinite().all())):
            raise ValueError("these are no finite means of different examples")
        self._rows, self._means, self._visits = rows, means.clone(), visits.clone().long()
