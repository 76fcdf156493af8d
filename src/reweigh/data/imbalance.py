"""Lopsided classes made on purpose, by leaving examples out.

Both functions return which rows to keep, ascending, and are pure in their arguments: the same seed keeps the
same rows.
"""

import math

import torch
from torch import Tensor

from ..errors import BadInput
from ..tasks.checks import check_labels, check_vector
from .checks import IntArray, check_classes, check_count, rows_of_class, to_array
from .seeds import stream


def two_class(
    labels: Tensor,
    majority: int,
    minority: int,
    seed: int,
    *,
    total: int | None = None,
    ratio: float | None = None,
    counts: tuple[int, int] | None = None,
) -> Tensor:
    """Keep two classes of labels (N,), one of which dominates (Ren et al. 2018, section 4.1).

    Either `counts` says how many examples of the (majority, minority) class to keep, or `total` and `ratio`
    do: at ratio r to 1, round(total / (1 + r)) of the minority and the rest of the majority.

    Raises:
        BadInput: the counts are not given in one of the two ways, a class is left empty or has too few.
    """
    check_vector(labels, "the labels")
    if majority == minority:
        raise BadInput(f"class {majority} is both the majority and the minority: name two different classes")
    wanted = zip((majority, minority), _two_counts(total, ratio, counts), strict=True)
    return _keep(to_array(labels), dict(wanted), seed, "two-class")


def long_tail(labels: Tensor, classes: int, factor: float, seed: int, *, largest: int | None = None) -> Tensor:
    """Keep n_c = n_max factor^(-c / (C - 1)) examples of class c, rounded down (Cui et al. 2019).

    `factor` is the ratio of the largest class to the smallest, so 1 keeps the classes alike. `largest` is
    n_max; by default it is the most that every class can serve.

    Raises:
        BadInput: the factor is below 1, a class would be left empty or has too few examples.
    """
    check_classes(classes)
    check_labels(labels, classes)
    if not (math.isfinite(factor) and factor >= 1):
        raise BadInput(f"the imbalance factor is {factor}: give the largest class over the smallest, 1 or more")
    truth = to_array(labels)
    shares = [factor ** (-label / (classes - 1)) for label in range(classes)]
    if largest is None:
        top = min(_floor(rows_of_class(truth, label).size / share) for label, share in enumerate(shares))
    else:
        top = check_count(largest, "the size of the largest class")
    wanted = {label: _floor(top * share) for label, share in enumerate(shares)}
    return _keep(truth, wanted, seed, "long-tail")


def _two_counts(total: int | None, ratio: float | None, counts: tuple[int, int] | None) -> tuple[int, int]:
    if counts is not None and total is None and ratio is None:
        return counts
    if counts is not None or total is None or ratio is None:
        raise BadInput("the sizes of the two classes are not clear: give either counts=, or total= and ratio=")
    if not (math.isfinite(ratio) and ratio >= 1):
        raise BadInput(f"the ratio of majority to minority is {ratio}: give a number of at least 1, such as 200")
    few = round(check_count(total, "the total of the two classes", at_least=2) / (1 + ratio))
    return total - few, few


def _floor(number: float) -> int:
    return math.floor(number * (1 + 1e-12))  # 1000 * 32 ** (-2 / 5) is 250, not 249.99999999999997


def _keep(truth: IntArray, wanted: dict[int, int], seed: int, purpose: str) -> Tensor:
    random = stream(seed, f"imbalance:{purpose}")
    kept = []
    for label, count in wanted.items():
        rows = rows_of_class(truth, label)
        if count < 1:
            raise BadInput(f"class {label} would be left without an example: lower the imbalance or take more examples")
        if rows.size < count:
            raise BadInput(f"class {label} has {rows.size} examples but {count} are wanted: ask for fewer")
        kept.append(torch.from_numpy(random.permutation(rows)[:count]))
    return torch.cat(kept).sort().values


def parse_imbalance(text: str) -> float | None:
    """Read `none` (None) or `long-tail:FACTOR`, the largest class over the smallest.

    Raises:
        BadInput: for any other text, or a factor below 1.
    """
    if text == "none":
        return None
    kind, _, number = text.partition(":")
    try:
        factor = float(number)
    except ValueError:
        factor = math.nan
    if kind != "long-tail" or not 1 <= factor < math.inf:
        raise BadInput(
            f"the imbalance {text!r} is not known: write none, or long-tail:FACTOR with a factor of at least 1, "
            "such as long-tail:100"
        )
    return factor
