"""`verify`: which labels are right, beside any model that gives probabilities, taught by checked examples."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh.rightness.calibration import Calibration
from reweigh.rightness.crossfit import cross_fit
from reweigh.rightness.given import Given, given
from reweigh.rightness.nearness import nearness
from reweigh.rightness.rightness import Rightness
from reweigh.rightness.verifier import USUAL_KINDS, Verifier
from reweigh.rightness.view import View

_REPEATS = 30


def verify(
    probabilities: Any,
    labels: Any,
    checked: Any,
    *,
    features: Any = None,
    classes: Sequence[Any] | None = None,
    kinds: Sequence[str] = USUAL_KINDS,
    seed: int = 0,
) -> Rightness:
    """How likely each label is right, from what a model says out of fold and from some examples whose labels are known.

    The checked examples, asked about with their right label and with wrong ones, teach a small regression to tell the two;
    expectation maximisation over all others then finds how many are right, by pair of given and suggested label.

    Args:
        probabilities: of the K classes for N examples, (N, K), by models that were not fitted to the same example
            (`cross_val_predict(..., method="predict_proba")`): what a model has learnt by heart it believes.
        labels: as given, (N,): names of classes, or 0 to K - 1.
        checked: which examples have labels that are known to be right: a mask (N,) or positions.
        features: of the examples, (N, D): inputs, embeddings, internal states. Where mistakes have a pattern (one class
            taken for another) a model learns the pattern, and only nearness to checked examples sees it.
        classes: the names of the columns, `model.classes_`; 0 to K - 1 if left out.
        kinds: of wrong labels to be told from right ones, names in `reweigh.rightness.KINDS`.
        seed: of all that is drawn.

    Returns:
        Probabilities, suggested labels, the share of right labels with an interval, weights (`Rightness`).

    Raises:
        BadInput: if something does not fit, naming what and where.
    """
    data = given(probabilities, labels, checked, features, classes)
    view, right_labels = _view(data), data.labels[data.checked]
    verifier = Verifier(kinds, seed=seed)
    evidence = cross_fit(view[data.checked], right_labels, kinds, ridge=verifier.ridge, seed=seed)
    suggested = view.opinion.scatter(1, data.labels[:, None], float("-inf")).argmax(1)
    verifier.teach(view[data.checked], right_labels)
    chance, shares = _judged(verifier, view, data, suggested)
    others = data.others
    tells = evidence.tells and bool(others.any())
    return Rightness(
        right=chance.numpy(),
        suggested=data.classes[suggested.numpy()],
        share=float(chance[others].mean()) if tells else None,
        interval=_interval(view, data, suggested, verifier) if tells else None,
        kinds=dict(zip(verifier.kinds, shares[1:].tolist(), strict=True)) if tells else {},
        pairs=_pairs(1 - chance, data.labels, suggested, view.classes),
        classes=data.classes,
        checked=~others.numpy(),
        evidence=evidence,
    )


def _view(data: Given) -> View:
    if data.features is None:
        return View(data.said)
    k = data.said.shape[1]
    return View(data.said, nearness(data.features, data.checked, data.labels[data.checked], k))


def _judged(verifier: Verifier, view: View, data: Given, suggested: Tensor) -> tuple[Tensor, Tensor]:
    """P(right) of all examples (N,), one for the checked, and the shares of the groups among the others."""
    others = data.others
    chance = torch.ones(len(view), dtype=torch.double)
    if not bool(others.any()):
        return chance, torch.zeros(1 + len(verifier.kinds), dtype=torch.double)
    given_, other = data.labels[others], suggested[others]
    asked = verifier.ask(view[others], given_)
    calibrated = Calibration.of(asked, given_, other, view.classes, by_pair=True)
    chance[others] = torch.sigmoid(calibrated.log_odds(asked, given_, other))
    return chance, calibrated.groups


def _interval(view: View, data: Given, suggested: Tensor, verifier: Verifier) -> tuple[float, float]:
    """Of the share of right labels, by teaching anew with checked examples drawn with replacement."""
    generator = torch.Generator().manual_seed(verifier.seed)
    others = data.others
    found = []
    for _ in range(_REPEATS):
        drawn = data.checked[torch.randint(len(data.checked), (len(data.checked),), generator=generator)]
        again = Verifier(verifier.kinds, ridge=verifier.ridge, seed=verifier.seed)
        again.teach(view[drawn], data.labels[drawn])
        found.append(float(_judged(again, view, data, suggested)[0][others].mean()))
    low, high = (
        torch.tensor(found, dtype=torch.double).quantile(torch.tensor([0.025, 0.975], dtype=torch.double)).tolist()
    )
    return low, high


def _pairs(wrong: Tensor, labels: Tensor, suggested: Tensor, classes: int) -> Any:
    counts = torch.zeros(classes**2, dtype=torch.double).index_add_(0, labels * classes + suggested, wrong.double())
    return counts.view(classes, classes).numpy()
