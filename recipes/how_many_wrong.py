"""How many labels are wrong: what `verify` tells beside other learners, against what is so.

    python recipes/how_many_wrong.py                       # all sets, three seeds: some five minutes
    python recipes/how_many_wrong.py --sets digits --kinds at_random draws_all tempting

All sets ship with scikit-learn or are made by it. Learners: logistic regression, one for each label where there are
several, and a robust line (Huber) for numbers, out of three folds; their features are the inputs. Checked are ten
examples a class, a hundred where there are no classes, drawn at random within it. A row is the mean over the seeds;
"holds" counts in how many of those with a number the truth lay within its 95 % interval. docs/rightness.md has the
result.
"""

import argparse
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.datasets import (
    load_diabetes,
    load_digits,
    make_classification,
    make_multilabel_classification,
    make_regression,
)
from sklearn.linear_model import HuberRegressor, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from reweigh.rightness import Rightness, verify, verify_labels, verify_numbers

Array = npt.NDArray[Any]
Draw = np.random.Generator
A_CLASS, ALL = 10, 100


class Case(NamedTuple):
    """A set with some wrong labels: what is told of them, and which questions were wrong, as `found.each`."""

    found: Rightness
    wrong: Array


@dataclass(frozen=True)
class Row:
    """Of one seed; NaN where there is no number."""

    auroc: float
    true: float
    told: float
    low: float
    high: float


def classes(load: Callable[[int], tuple[Array, Array]], noise: str, share: float) -> Callable[..., Case]:
    """Labels of which a share was changed."""

    def case(seed: int, kinds: Sequence[str] | None) -> Case:
        g = np.random.default_rng(seed)
        x, truth = load(seed)
        count = int(truth.max()) + 1
        others = {
            "at random": g.integers(0, count, len(truth)),
            "one too high": (truth + 1) % count,
            "one class": np.full_like(truth, seed % count),
        }
        given = truth.copy() if noise == "none" else np.where(g.random(len(truth)) < share, others[noise], truth)
        checked = np.concatenate([g.choice(np.flatnonzero(truth == c), A_CLASS, replace=False) for c in range(count)])
        given[checked] = truth[checked]
        folds = StratifiedKFold(3, shuffle=True, random_state=seed)
        p = cross_val_predict(LogisticRegression(max_iter=500), x, given, cv=folds, method="predict_proba")
        more = {} if kinds is None else {"kinds": kinds}
        return Case(verify(p, given, checked, features=x, seed=seed, **more), given != truth)

    return case


def digits(seed: int) -> tuple[Array, Array]:
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def rare(seed: int) -> tuple[Array, Array]:
    """Four classes of 86, 9, 3 and 2 %."""
    x, y = make_classification(
        6000, 20, n_informative=8, n_redundant=2, n_classes=4, n_clusters_per_class=1,
        weights=[0.86, 0.09, 0.03, 0.02], flip_y=0, class_sep=1.2, random_state=seed,
    )  # fmt: skip
    return (x - x.mean(0)) / x.std(0), y


def labels(share: float) -> Callable[..., Case]:
    """Five labels of which a share of all entries was flipped."""

    def case(seed: int, kinds: Sequence[str] | None) -> Case:
        g = np.random.default_rng(seed)
        x, y = make_multilabel_classification(
            2000, 20, n_classes=5, n_labels=2, allow_unlabeled=False, random_state=seed
        )
        wrong, checked = g.random(y.shape) < share, g.choice(len(y), ALL, replace=False)
        wrong[checked] = False
        given, z = np.where(wrong, 1 - y, y), (x - x.mean(0)) / x.std(0)
        learner = LogisticRegression(C=0.3, max_iter=300)
        p = [cross_val_predict(learner, z, one, cv=3, method="predict_proba")[:, 1] for one in given.T]
        return Case(verify_labels(np.stack(p, 1), given, checked, features=z, seed=seed), wrong)

    return case


def numbers(load: Callable[[int], tuple[Array, Array]], share: float) -> Callable[..., Case]:
    """Targets of which a share was exchanged."""

    def case(seed: int, kinds: Sequence[str] | None) -> Case:
        g = np.random.default_rng(seed)
        x, truth = load(seed)
        checked, wrong = g.choice(len(truth), ALL, replace=False), g.random(len(truth)) < share
        wrong[checked] = False
        given = np.where(wrong, g.permutation(truth), truth)
        foretold = cross_val_predict(HuberRegressor(max_iter=1000), x, given, cv=3)
        return Case(verify_numbers(foretold, given, checked, features=x, seed=seed), given != truth)

    return case


def line(seed: int) -> tuple[Array, Array]:
    """Ten inputs, a line, and a tenth of the deviation as noise."""
    found: tuple[Array, Array] = make_regression(2000, 10, noise=20, random_state=seed)
    return found


SETS: dict[str, Callable[..., Case]] = {
    "digits, right": classes(digits, "none", 0),
    "digits, 40 % at random": classes(digits, "at random", 0.4),
    "digits, 40 % one too high": classes(digits, "one too high", 0.4),
    "digits, 40 % one class": classes(digits, "one class", 0.4),
    "rare classes, right": classes(rare, "none", 0),
    "rare classes, 10 % at random": classes(rare, "at random", 0.1),
    "five labels, right": labels(0),
    "five labels, 20 % flipped": labels(0.2),
    "a line, right": numbers(line, 0),
    "a line, 20 % exchanged": numbers(line, 0.2),
    "diabetes, 20 % exchanged": numbers(lambda seed: load_diabetes(return_X_y=True), 0.2),
}


def row(case: Case) -> Row:
    """What was told of one seed; of several labels of an example each counts."""
    found, open_ = case.found, ~case.found.checked
    wrong, right = case.wrong[open_], found.each[open_]
    area = roc_auc_score(~wrong.ravel(), right.ravel()) if wrong.any() else float("nan")
    of_examples = wrong.any(1) if wrong.ndim > 1 else wrong
    if found.share is None or found.interval is None:
        return Row(area, float(of_examples.mean()), *[float("nan")] * 3)
    low, high = 1 - found.interval[1], 1 - found.interval[0]
    return Row(area, float(of_examples.mean()), 1 - found.share, low, high)


def table_line(name: str, rows: list[Row]) -> str:
    told = [one for one in rows if one.told == one.told]
    area = np.mean([one.auroc for one in rows])
    cells = [name, "–" if area != area else f"{area:.3f}", f"{100 * np.mean([one.true for one in rows]):.1f}"]
    if told:
        mean, low, high = (100 * np.mean([getattr(one, column) for one in told]) for column in ("told", "low", "high"))
        held = sum(one.low - 0.005 <= one.true <= one.high + 0.005 for one in told)
        cells += [f"{mean:.1f} ({low:.1f} to {high:.1f})", f"{len(told)} of {len(rows)}", f"{held} of {len(told)}"]
    else:
        cells += ["no number", f"0 of {len(rows)}", "–"]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=[""], help="the sets whose name begins so")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", nargs="*", help="of wrong labels, where there are classes")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| labels | AUROC of P(right) | truly wrong, % | told, % (mean interval) | a number | holds |", flush=True)
    print("|---|---|---|---|---|---|")
    for name, case in SETS.items():
        if name.startswith(tuple(given.sets)):
            print(table_line(name, [row(case(seed, given.kinds)) for seed in range(given.seeds)]), flush=True)


if __name__ == "__main__":
    main()
