"""What the caller gives to `verify`, made into tensors, or refused in a sentence."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reweigh.errors import BadInput
from reweigh.rightness.before import Before

_TINY = 1e-12


@dataclass(frozen=True)
class Given:
    """N examples, K classes: log-probabilities (N, K), labels (N,), positions of the checked ones (m,), features (N, D)."""

    said: Tensor
    labels: Tensor
    checked: Tensor
    features: Tensor | None
    classes: npt.NDArray[Any]

    @property
    def others(self) -> Tensor:
        """Which examples are not checked, (N,), bool."""
        found = torch.ones(len(self.labels), dtype=torch.bool)
        found[self.checked] = False
        return found

    def before(self, labels: Any) -> Before:
        """What the checked ones were called, where `labels` (N,) are all as they were before.

        Raises:
            BadInput: naming what does not fit.
        """
        was = _labels(labels, self.classes, len(self.labels), " of before=")
        return Before(torch.arange(len(self.checked)), was[self.checked])


def given(probabilities: Any, labels: Any, checked: Any, features: Any, classes: Sequence[Any] | None) -> Given:
    """All of it in one form.

    Raises:
        BadInput: naming what does not fit, and where.
    """
    p = numbers_of("probabilities", probabilities)
    if p.ndim != 2 or p.shape[1] < 2:
        raise BadInput(
            f"probabilities have shape {p.shape}: give one row an example and one column a class, two at least"
        )
    if bad := np.flatnonzero((p < -1e-6).any(1) | (np.abs(p.sum(1) - 1) > 1e-3)).tolist():
        raise BadInput(
            f"the probabilities of {len(bad)} examples do not sum to one (the first at position {bad[0]}): give what "
            "predict_proba gives, from models that were not fitted to the same example"
        )
    names = _names(classes, p.shape[1])
    y = _labels(labels, names, len(p))
    rows = checked_positions(checked, len(p))
    return Given(torch.from_numpy(np.log(np.maximum(p, _TINY))), y, rows, features_of(features, len(p)), names)


def numbers_of(what: str, values: Any) -> npt.NDArray[np.float64]:
    """An array of finite numbers, or a sentence that names `what` they are."""
    try:
        found = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{what} are no numbers ({str(error).splitlines()[0]}): give a table of numbers") from error
    if not np.isfinite(found).all():
        first = int(np.argwhere(~np.isfinite(found))[0][0])
        raise BadInput(f"{what} are not finite at position {first}: leave such examples out, or fill them")
    return found


def _names(classes: Sequence[Any] | None, count: int) -> npt.NDArray[Any]:
    names = np.arange(count) if classes is None else np.asarray(classes)
    if names.shape != (count,) or len(np.unique(names)) != count:
        raise BadInput(f"classes= names {names.size} classes for {count} columns of probabilities: one name a column")
    return names


def _labels(labels: Any, names: npt.NDArray[Any], count: int, where: str = "") -> Tensor:
    found = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
    if found.shape != (count,):
        raise BadInput(
            f"labels{where} have shape {found.shape} and there are {count} rows of probabilities: one label a row"
        )
    place = {name: k for k, name in enumerate(names.tolist())}
    codes = np.array([place.get(value, -1) for value in found.tolist()], dtype=np.int64)
    if (codes < 0).any():
        first = int(np.flatnonzero(codes < 0)[0])
        raise BadInput(
            f"the label {found.tolist()[first]!r} at position {first}{where} is none of the {len(names)} classes: pass "
            "classes=, the names in the order of the columns (model.classes_)"
        )
    return torch.from_numpy(codes)


def checked_positions(checked: Any, count: int) -> Tensor:
    """Which of `count` examples are checked, ascending, (m,), from a mask or positions."""
    found = np.asarray(checked.cpu() if isinstance(checked, Tensor) else checked)
    if found.dtype == bool:
        if found.shape != (count,):
            raise BadInput(f"the mask of checked examples has shape {found.shape} and there are {count} examples")
        found = np.flatnonzero(found)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise BadInput(
            "checked= is neither a mask nor positions: give N booleans, or the positions of the checked examples"
        )
    if found.size and not (found.min() >= 0 and found.max() < count):
        raise BadInput(f"checked= names position {found.min() if found.min() < 0 else found.max()} of {count} examples")
    positions = np.unique(found).astype(np.int64)
    if len(positions) < 4:
        raise BadInput(f"{len(positions)} examples are checked: a verifier needs some of each class, four at the least")
    return torch.from_numpy(positions)


def features_of(features: Any, count: int) -> Tensor | None:
    """Features as (N, D), None where there are none."""
    if features is None:
        return None
    x = numbers_of("features", features.toarray() if hasattr(features, "toarray") else features)
    x = x.reshape(len(x), -1) if x.ndim else x
    if x.ndim != 2 or len(x) != count:
        raise BadInput(f"features have shape {x.shape} and there are {count} rows of probabilities: one row an example")
    return torch.from_numpy(x)
