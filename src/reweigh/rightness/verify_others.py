"""`verify` for targets that are no classes: several labels an example, and numbers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from reweigh.errors import BadInput
from reweigh.rightness.before import Before
from reweigh.rightness.given import checked_positions, features_of, numbers_of
from reweigh.rightness.judging import OF_LABELS, OF_NUMBERS
from reweigh.rightness.labels_view import LabelsView, nearness_by_label
from reweigh.rightness.numbers_view import NumbersView, of_neighbours
from reweigh.rightness.rightness import LabelRightness, NumberRightness

_TINY = 1e-12


def verify_labels(
    probabilities: Any,
    labels: Any,
    checked: Any,
    *,
    features: Any = None,
    names: Sequence[str] | None = None,
    kinds: Sequence[str] | None = None,
    before: Any = None,
    seed: int = 0,
) -> LabelRightness:
    """How likely each of an example's labels is right: that it is there, or that it is not.

    Args:
        probabilities: of each of L labels for N examples, (N, L), by models that were not fitted to the same example.
        labels: zeros and ones as given, (N, L).
        checked: which examples have labels that are all known to be right: a mask (N,) or positions.
        features: of the examples, (N, D), as of `verify`.
        names: of the labels, (L,).
        kinds: of wrong labels, names in `reweigh.rightness.label_kind`.
        before: zeros and ones as they were before anything was checked, (N, L), as of `verify`.
        seed: of all that is drawn.

    Returns:
        `each` (N, L) and `right` (N,), that all of them are; `suggested` (N, L); shares by label with intervals.

    Raises:
        BadInput: if something does not fit, naming what and where.
    """
    p, y = numbers_of("probabilities", probabilities), numbers_of("labels", labels)
    was = None if before is None else numbers_of("before", before)
    if p.ndim != 2 or any(of.shape != p.shape for of in (y, was) if of is not None):
        what = f"labels {y.shape}" if was is None else f"labels {y.shape} and {was.shape} before"
        raise BadInput(
            f"probabilities have shape {p.shape} and {what}: give one row an example and one column a label in all of them"
        )
    known = [y] if was is None else [y, was]
    if ((p < 0) | (p > 1)).any() or not np.isin(known, (0, 1)).all():
        raise BadInput("probabilities lie between 0 and 1, and labels are 0 or 1: something else is among them")
    rows, x = checked_positions(checked, len(p)), features_of(features, len(p))
    said = torch.from_numpy(np.log(np.maximum(np.stack([1 - p, p], 2), _TINY)))
    given = torch.from_numpy(y).long()
    view = LabelsView(said, None if x is None else nearness_by_label(x, rows, given))
    told = np.asarray(names if names is not None else [str(label) for label in range(p.shape[1])])
    called = None if was is None else Before(torch.arange(len(rows)), torch.from_numpy(was[rows.numpy()]).long())
    found = OF_LABELS.judged(view, given, rows, told, kinds=kinds, seed=seed, before=called)
    assert isinstance(found, LabelRightness)
    return found


def verify_numbers(
    predictions: Any,
    targets: Any,
    checked: Any,
    *,
    features: Any = None,
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> NumberRightness:
    """How likely each target of a regression is right.

    Args:
        predictions: for N examples, (N,), by models that were not fitted to the same example (`cross_val_predict`).
        targets: as given, (N,).
        checked: which examples have targets that are known to be right: a mask (N,) or positions.
        features: of the examples, (N, D): a target is held against those of examples that are alike.
        kinds: of wrong targets, names in `reweigh.rightness.number_kind`.
        seed: of all that is drawn.

    Returns:
        `right` (N,), `suggested` (N,), the predictions, and one share with its interval.

    Raises:
        BadInput: if something does not fit, naming what and where.
    """
    f, y = numbers_of("predictions", predictions), numbers_of("targets", targets)
    if f.ndim != 1 or y.shape != f.shape:
        raise BadInput(f"predictions have shape {f.shape} and targets {y.shape}: give one number an example of either")
    rows, x = checked_positions(checked, len(f)), features_of(features, len(f))
    centre, unit = float(y[rows].mean()), float(y[rows].std())
    if not unit > 0:
        raise BadInput("the checked targets do not vary: check examples with different ones")
    scaled = torch.from_numpy((y - centre) / unit)
    view = NumbersView(torch.from_numpy((f - centre) / unit), None if x is None else of_neighbours(x, scaled, rows))
    found = OF_NUMBERS.judged(view, scaled, rows, np.asarray(["all"]), kinds=kinds, seed=seed)
    assert isinstance(found, NumberRightness)
    return replace(found, suggested=f)
