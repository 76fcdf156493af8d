"""The target set as one direction and one mean state, by one pass over it.

    v = ∇ (1/M) Σ_j ℓ_j(θ)      over all M target rows with a token that counts; ℓ_j the mean loss of those tokens

By choice each entry of v is divided as Adam would: by the root of the second moments of an optimizer's state
(`preconditioner.py`), or of the target rows' own gradients, sqrt((1/M) Σ_j ∇ℓ_j²), which costs a backward pass a row.
"""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from reweigh.direction import clean_direction
from reweigh.errors import BadInput, NonFinite
from reweigh.first_look import empty
from reweigh.scoring.model import Loaded
from reweigh.scoring.representation import Seen
from reweigh.scoring.scorer import ALIGNMENT, REPRESENTATION, Target, losses
from reweigh.scoring.texts import Encoded, Part, batches

_FLOOR = 1e-8
"""What Adam adds to its root."""
_NOT_FINITE = "the {} of the target set hold a number that is not finite: look at its rows and at the model"


def target_of(
    loaded: Loaded,
    windows: Iterable[Sequence[Encoded]],
    scores: Sequence[str],
    layers: str | None,
    most: int,
    *,
    own: bool,
) -> Target:
    """The target rows, window by window, as what examples are compared with.

    Args:
        loaded: the model.
        windows: the rows.
        scores: which there are to be.
        layers: whose parameters take part.
        most: rows a batch.
        own: divide the direction by the root of the rows' own second moments.

    Raises:
        BadInput: if no row has a token that counts, or the direction is zero.
        NonFinite: if it is not finite.
    """
    found = _Sums(loaded, layers, own=own)
    for window in windows:
        for part in batches(window, 1 if own and ALIGNMENT in scores else most):
            found.take(part, scores)
    if not found.rows:
        raise BadInput(
            "the target set is empty: no row of it has a token that counts, so name rows with texts by --target"
        )
    return Target(
        found.direction() if ALIGNMENT in scores else None, found.state() if REPRESENTATION in scores else None
    )


class _Sums:
    def __init__(self, loaded: Loaded, layers: str | None, *, own: bool) -> None:
        self._loaded, self._layers, self._own = loaded, layers, own
        self._first, self._second, self._states = dict[str, Tensor](), dict[str, Tensor](), list[Tensor]()
        self.rows = 0

    def take(self, part: Part, scores: Sequence[str]) -> None:
        batch, n = {name: tensor.to(self._loaded.device) for name, tensor in part.batch.items()}, len(part.places)
        self.rows += n
        if REPRESENTATION in scores:
            with torch.no_grad(), Seen(self._loaded.body) as seen:
                losses(self._loaded.network, batch)
                states = seen.pooled(part.lengths).sum(0)
            self._states = [states if not self._states else self._states[0] + states]
        if ALIGNMENT in scores:
            gradient = clean_direction(self._loaded.network, losses, batch, layers=self._layers)
            _add(self._first, ((name, n * g.float()) for name, g in gradient.items()))
            if self._own:
                _add(self._second, ((name, g.float().square()) for name, g in gradient.items()))

    def direction(self) -> dict[str, Tensor]:
        v = {name: g / self.rows for name, g in self._first.items()}
        if self._own:
            v = {name: g / ((self._second[name] / self.rows).sqrt() + _FLOOR) for name, g in v.items()}
        if not all(bool(g.isfinite().all()) for g in v.values()):
            raise NonFinite(_NOT_FINITE.format("gradients"))
        if empty(v):
            raise BadInput(
                "the gradient of the target set is exactly zero, and so would be every alignment: take other rows"
            )
        return v

    def state(self) -> Tensor:
        if not bool(self._states[0].isfinite().all()):
            raise NonFinite(_NOT_FINITE.format("hidden states"))
        return torch.nn.functional.normalize(self._states[0], dim=0)


def _add(sums: dict[str, Tensor], terms: Iterator[tuple[str, Tensor]]) -> None:
    for name, term in terms:
        sums[name] = sums[name].add_(term) if name in sums else term
