"""`verify`: which labels are right, beside any model that gives probabilities, taught by checked examples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reweigh.rightness.given import Given, given
from reweigh.rightness.judging import OF_CLASSES
from reweigh.rightness.nearness import nearness
from reweigh.rightness.rightness import Rightness
from reweigh.rightness.view import USUAL_KINDS, View


def verify(
    probabilities: Any,
    labels: Any,
    checked: Any,
    *,
    features: Any = None,
    classes: Sequence[Any] | None = None,
    kinds: Sequence[str] = USUAL_KINDS,
    before: Any = None,
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
        before: labels as they were before anything was checked, (N,), where that is known: those of checked examples tell
            how many are wrong, also where mistakes look like the truth, if they were picked at random or by their class.
        seed: of all that is drawn.

    Returns:
        Probabilities, suggested labels, the share of right labels with an interval, weights (`Rightness`).

    Raises:
        BadInput: if something does not fit, naming what and where.
    """
    data = given(probabilities, labels, checked, features, classes)
    was = None if before is None else data.before(before)
    found = OF_CLASSES.judged(_view(data), data.labels, data.checked, data.classes, kinds=kinds, seed=seed, before=was)
    return replace(found, suggested=data.classes[found.suggested])


def _view(data: Given) -> View:
    if data.features is None:
        return View(data.said)
    k = data.said.shape[1]
    return View(data.said, nearness(data.features, data.checked, data.labels[data.checked], k))
