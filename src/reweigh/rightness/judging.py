"""From a view of examples to what is known of their labels: taught by the checked ones, counted over the others."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reweigh.rightness.calibration import Calibration
from reweigh.rightness.crossfit import cross_fit
from reweigh.rightness.rightness import Rightness
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.view import View

_REPEATS = 30
_BETWEEN = torch.tensor([0.025, 0.975], dtype=torch.double)


def rightness_of(
    view: View, labels: Tensor, checked: Tensor, classes: npt.NDArray[Any], *, kinds: Sequence[str], seed: int = 0
) -> Rightness:
    """How likely each label is right.

    Args:
        view: of N examples, by a model that was not fitted to the same example; the checked ones out of their own class.
        labels: as given, (N,), 0 to K - 1.
        checked: positions of those whose labels are known to be right, (m,).
        classes: the names of the K classes.
        kinds: of wrong labels to be told from right ones.
        seed: of all that is drawn.
    """
    right_labels = labels[checked]
    verifier = Verifier(kinds, seed=seed)
    others = torch.ones(len(labels), dtype=torch.bool)
    others[checked] = False
    # A learner that leans to a frequent class may be right to, or have learnt that others are called so: only nearness can
    # tell which. Without it the classes count alike, which is the harder examination.
    weighted = view.near is not None and bool(others.any())
    sizes = labels[others].bincount(minlength=view.classes) if weighted else None
    evidence = cross_fit(view[checked], right_labels, kinds, ridge=verifier.ridge, seed=seed, sizes=sizes)
    among = view.opinion.scatter(1, labels[:, None], float("-inf")).softmax(1).max(1)
    court = _Court(view[others], labels[others], among.indices[others])
    verifier.teach(view[checked], right_labels)
    found, chance = court.judge(verifier), torch.ones(len(labels), dtype=torch.double)
    chance[others] = found.right
    tells = evidence.tells and bool(others.any())
    spread = _spread(court, view, checked, labels, verifier) if tells else None
    main = torch.zeros(len(labels), dtype=torch.int64)
    main[others] = found.kind
    return Rightness(
        right=chance.numpy(),
        suggested=classes[among.indices.numpy()],
        likely=among.values.double().numpy(),
        kind=np.asarray(verifier.kinds)[main.numpy()],
        share=float(found.right.mean()) if tells else None,
        interval=None if spread is None else (float(spread.share[0]), float(spread.share[1])),
        kinds=dict(zip(verifier.kinds, found.groups[1:].tolist(), strict=True)) if tells else {},
        pairs=court.pairs(found.right).numpy(),
        pair_interval=None if spread is None else spread.pairs.numpy(),
        class_share=court.by_class(found.right).numpy(),
        class_interval=None if spread is None else spread.classes.numpy(),
        classes=classes,
        checked=~others.numpy(),
        evidence=evidence,
    )


class _Judged(NamedTuple):
    """P(right) (n,), the most likely kind of wrongness (n,), and the shares of right labels and of the kinds."""

    right: Tensor
    kind: Tensor
    groups: Tensor


class _Spread(NamedTuple):
    """Lower and upper ends: of the share (2,), by class (2, K), and of the pairs' counts (2, K, K)."""

    share: Tensor
    classes: Tensor
    pairs: Tensor


class _Court(NamedTuple):
    """The n examples that are not checked: their view, given labels (n,) and most likely other ones (n,)."""

    view: View
    given: Tensor
    suggested: Tensor

    def judge(self, verifier: Verifier) -> _Judged:
        """By a taught verifier, with the shares that hold among them."""
        if not len(self.given):
            return _Judged(torch.empty(0, dtype=torch.double), self.given, torch.zeros(1 + len(verifier.kinds)))
        asked = verifier.ask(self.view, self.given)
        calibrated = Calibration.of(asked, self.given, self.suggested, self.view.classes, by_pair=True)
        kind = (asked[:, 1:] + calibrated.groups[1:].log()).argmax(1)
        right = torch.sigmoid(calibrated.log_odds(asked, self.given, self.suggested))
        return _Judged(right, kind, calibrated.groups)

    def by_class(self, right: Tensor) -> Tensor:
        """Mean P(right) of each given class, (K,); NaN of one without examples."""
        counts = self._sums(self.given, torch.ones_like(right), self.view.classes)
        return self._sums(self.given, right, self.view.classes) / counts

    def pairs(self, right: Tensor) -> Tensor:
        """How many of each given class (row) are estimated to be another one (column), (K, K)."""
        k = self.view.classes
        return self._sums(self.given * k + self.suggested, 1 - right, k**2).view(k, k)

    @staticmethod
    def _sums(place: Tensor, values: Tensor, count: int) -> Tensor:
        return torch.zeros(count, dtype=torch.double).index_add_(0, place, values.double())


def _spread(court: _Court, view: View, checked: Tensor, labels: Tensor, verifier: Verifier) -> _Spread:
    """By teaching anew with checked examples drawn with replacement."""
    generator = torch.Generator().manual_seed(verifier.seed)
    found: list[Tensor] = []
    for _ in range(_REPEATS):
        drawn = checked[torch.randint(len(checked), (len(checked),), generator=generator)]
        again = Verifier(verifier.kinds, ridge=verifier.ridge, seed=verifier.seed)
        again.teach(view[drawn], labels[drawn])
        found.append(court.judge(again).right)

    def between(values: list[Tensor]) -> Tensor:
        return torch.stack(values).quantile(_BETWEEN, 0)

    shares, classes = [right.mean() for right in found], [court.by_class(right) for right in found]
    return _Spread(between(shares), between(classes), between([court.pairs(right) for right in found]))
