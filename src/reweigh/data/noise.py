"""Label noise: wrong labels made on purpose, so that what a method distrusts can be held against the truth.

Papers mean different things by "uniform 40 %", and the differences are as large as the effects they report:
whether a label may be replaced by itself, whether the share is exact or expected, which classes are targets.
Each meaning has a name here. A corruption is a pure function of (labels, settings, seed): it draws from its
own random stream and leaves its arguments alone. With the same seed a higher rate corrupts the examples of
the lower rate and more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadInput
from ..tasks.checks import check_labels
from .checks import IntArray, check_classes, check_count, check_share, rows_of_class, to_array
from .seeds import stream


@dataclass(frozen=True, eq=False)
class Corruption:
    """What a corruption did to N labels.

    Attributes:
        labels: (N,) int64, the labels after it.
        mask: (N,) bool, where the label really changed.
        chosen: (N,) bool, what was picked; a picked example may have been given its own label again.
    """

    labels: Tensor
    mask: Tensor
    chosen: Tensor


def uniform(labels: Tensor, classes: int, rate: float, seed: int) -> Corruption:
    """Each label flips, with probability `rate`, to any other class alike (Ren et al. 2018, section 4.2)."""
    truth, random = _prepare(labels, classes, rate, seed, "uniform")
    chosen = random.random(truth.size) < rate
    return _finish(labels, truth, chosen, _other_class(truth, classes, random))


def uniform_released(labels: Tensor, classes: int, rate: float, seed: int) -> Corruption:
    """Exactly int(rate N) examples get a label drawn from 0..C-2: what the released code of Ren et al. does.

    The last class is never a target and a label may be replaced by itself, so fewer than `rate` change.
    """
    truth, random = _prepare(labels, classes, rate, seed, "uniform-released")
    chosen = _exactly(int(rate * truth.size), truth.size, random)
    return _finish(labels, truth, chosen, random.integers(0, classes - 1, truth.size))


def symmetric(labels: Tensor, classes: int, rate: float, seed: int) -> Corruption:
    """Exactly round(rate N) examples each get a class drawn alike from all but their own."""
    truth, random = _prepare(labels, classes, rate, seed, "symmetric")
    chosen = _exactly(round(rate * truth.size), truth.size, random)
    return _finish(labels, truth, chosen, _other_class(truth, classes, random))


def uniform_inclusive(labels: Tensor, classes: int, rate: float, seed: int) -> Corruption:
    """The matrix (1 - p) I + p / C of Meta-Weight-Net: the true class is a target like any other."""
    truth, random = _prepare(labels, classes, rate, seed, "uniform-inclusive")
    chosen = random.random(truth.size) < rate
    return _finish(labels, truth, chosen, random.integers(0, classes, truth.size))


def background(labels: Tensor, classes: int, rate: float, seed: int, to: int | None = None) -> Corruption:
    """Exactly int(rate N) of all examples get the one background class (Ren et al. 2018, BackgroundFlip).

    `to` is the background class; by default it is drawn from the seed. Examples that have this class already
    are chosen like any other, as in the released code, and do not change.
    """
    truth, random = _prepare(labels, classes, rate, seed, "background")
    drawn = int(random.integers(classes))
    target = drawn if to is None else check_count(to, "the background class", at_least=0)
    if target >= classes:
        raise BadInput(
            f"the background class {target} is outside 0..{classes - 1}: choose one of the {classes} classes"
        )
    chosen = _exactly(int(rate * truth.size), truth.size, random)
    return _finish(labels, truth, chosen, np.full(truth.size, target))


def pair(labels: Tensor, classes: int, rate: float, seed: int) -> Corruption:
    """In each class round(rate n_c) examples move on to the next class; after the last comes the first."""
    truth, random = _prepare(labels, classes, rate, seed, "pair")
    chosen = np.zeros(truth.size, dtype=bool)
    for label in range(classes):
        rows = rows_of_class(truth, label)
        chosen[random.permutation(rows)[: round(rate * rows.size)]] = True
    return _finish(labels, truth, chosen, (truth + 1) % classes)


def transition(labels: Tensor, matrix: npt.ArrayLike | Tensor, seed: int) -> Corruption:
    """Each label y becomes class k with probability matrix[y, k].

    Raises:
        BadInput: if `matrix` is not a (C, C) row-stochastic matrix, or a label is outside 0..C-1.
    """
    chances = check_matrix(matrix)
    truth, random = _prepare(labels, len(chances), 0.0, seed, "matrix")
    uniforms, noisy = random.random(truth.size), truth.copy()
    for label, row in enumerate(chances):
        rows = rows_of_class(truth, label)
        # Dividing by the total makes the last step exactly 1, so that no draw falls off the end.
        steps = row.cumsum() / row.sum()
        noisy[rows] = np.searchsorted(steps, uniforms[rows], side="right")
    return _finish(labels, truth, noisy != truth, noisy)


def check_matrix(matrix: npt.ArrayLike | Tensor) -> npt.NDArray[np.float64]:
    """A (C, C) matrix with rows that are probabilities, as float64.

    Raises:
        BadInput: naming the shape, the entry or the row that is wrong.
    """
    chances = np.asarray(matrix.numpy(force=True) if isinstance(matrix, Tensor) else matrix)
    if chances.ndim != 2 or chances.shape[0] != chances.shape[1] or len(chances) < 2 or chances.dtype.kind not in "fiu":
        raise BadInput(
            f"the transition matrix has shape {chances.shape} and type {chances.dtype}: give real numbers, "
            "one row and one column a class, two classes at least"
        )
    chances = chances.astype(np.float64)
    wrong = np.argwhere(~np.isfinite(chances) | (chances < 0))
    if len(wrong):
        row, column = (int(place) for place in wrong[0])
        raise BadInput(
            f"the transition matrix holds {chances[row, column]} in row {row}, column {column}: "
            "every entry must be a probability of at least 0"
        )
    sums = chances.sum(axis=1)
    row = int(np.abs(sums - 1).argmax())
    if abs(sums[row] - 1) > 1e-5:
        raise BadInput(f"row {row} of the transition matrix sums to {sums[row]:.6g}: make every row sum to 1")
    return chances


KINDS: dict[str, Callable[[Tensor, int, float, int], Corruption]] = {
    "uniform": uniform,
    "uniform-released": uniform_released,
    "symmetric": symmetric,
    "uniform-inclusive": uniform_inclusive,
    "background": background,
    "pair": pair,
}
"""The kinds of noise that take a rate, by the name the command line gives them."""


def _prepare(labels: Tensor, classes: int, rate: float, seed: int, kind: str) -> tuple[IntArray, np.random.Generator]:
    check_classes(classes)
    check_labels(labels, classes)
    check_share(rate, f"the rate of {kind} noise")
    return to_array(labels), stream(seed, f"noise:{kind}")


def _exactly(count: int, size: int, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(size, dtype=bool)
    chosen[random.permutation(size)[:count]] = True
    return chosen


def _other_class(truth: IntArray, classes: int, random: np.random.Generator) -> IntArray:
    return (truth + random.integers(1, classes, truth.size)) % classes


def _finish(labels: Tensor, truth: IntArray, chosen: npt.NDArray[np.bool_], targets: npt.NDArray[Any]) -> Corruption:
    noisy = np.where(chosen, targets, truth).astype(np.int64)
    parts = (torch.from_numpy(part).to(labels.device) for part in (noisy, noisy != truth, chosen))
    return Corruption(*parts)
