"""What an audit is worth to other learners: its weights, or the rows without what looks wrong; and decisions without review.

    python recipes/sample_weight.py DEST --seeds 3 --output docs/results/sample_weight/tables.md

Made sets of three classes (eight numbers; classes near, apart and far apart), scikit-learn's digits (64 numbers) and breast
cancer (30), with 150 checked rows. 12 % of the other labels are one class too high, or 25 % or 5 % are any other one. A run
of reweigh (`l2rw`, 400 steps) is audited. Boosted trees, a random forest and logistic regression of scikit-learn then learn
from the rows that were audited, with their labels as given; macro F1 on rows that nobody saw. An audit that cannot tell
right labels from wrong ones is left out. A finished run is a line of DEST/sample_weight.jsonl; the same command goes on.
"""

import argparse
import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import reweigh
from reweigh.apply.auto import decided
from reweigh.audit import Audit
from reweigh.rightness import weights_by
from runs import as_markdown, cell, one_thread, read_results, run_all, show, write_pages

CHECKED = 150
DATA = ("near", "apart", "far", "digits", "cancer")
NOISES = {"one too high, 12 %": 0.12, "any other, 25 %": 0.25, "any other, 5 %": 0.05}
LEARNERS: dict[str, Callable[[int], Any]] = {
    "boosted trees": lambda seed: HistGradientBoostingClassifier(early_stopping=False, random_state=seed),
    "random forest": lambda seed: RandomForestClassifier(300, random_state=seed),
    "logistic regression": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
}
WAYS = ("as given", "sample_weight", "the probabilities", "without the issues", "issues corrected", "right labels only")
SURE = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Job:
    """One set with one noise, drawn by one seed; its fields are the key under which its result is kept."""

    data: str
    noise: str
    seed: int


def examples(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """x (N, F) and y (N,), in random order."""
    if job.data in ("digits", "cancer"):
        found = load_digits() if job.data == "digits" else load_breast_cancer()
        x, y = found.data, found.target
    else:
        apart = {"near": 1.0, "apart": 1.6, "far": 2.5}[job.data]
        x, y = make_classification(
            2000, 8, n_informative=6, n_classes=3, class_sep=apart, flip_y=0, random_state=job.seed
        )
    order = np.random.default_rng(job.seed).permutation(len(y))
    return x[order], y[order]


def spoilt(y: np.ndarray, job: Job) -> np.ndarray:
    """Labels (N,) as given."""
    draw, classes = np.random.default_rng([job.seed, 1]), int(y.max()) + 1
    wrong = draw.random(len(y)) < NOISES[job.noise]
    step = 1 if job.noise.startswith("one") else draw.integers(1, classes, len(y))
    return np.where(wrong, (y + step) % classes, y)


def audited(job: Job, x: np.ndarray, given: np.ndarray, y: np.ndarray, count: int) -> Audit:
    """The audit of the first `count` rows, by the next that are checked."""
    columns = {f"f{k}": x[:, k] for k in range(x.shape[1])}
    table = pd.DataFrame({**columns, "label": [f"c{k}" for k in given]})
    checked = pd.DataFrame({**columns, "label": [f"c{k}" for k in y]})[count : count + CHECKED]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        run = reweigh.fit(
            table[:count], clean=checked, target="label", rule="l2rw", steps=400, seed=job.seed, quick=True, verbose=False,
            output=Path(folder) / "run",
        )  # fmt: skip
        return run.audit().audit


def ways(audit: Audit, given: np.ndarray, y: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each way the labels and the weights (n,) to learn from."""
    ones, suggested = np.ones(len(given)), audit.suggested
    return {
        "as given": (given, ones),
        "sample_weight": (given, audit.sample_weight),
        "the probabilities": (given, weights_by(audit.right, 1.0)),
        "without the issues": (given, (~audit.issue) * 1.0),
        "issues corrected": (np.where(audit.issue, suggested, given), ones),
        "right labels only": (given, (given == y) * 1.0),
    }


def prepare() -> None:
    """Start of a worker."""
    one_thread()


def run(job: Job) -> dict[str, Any]:
    """The audit, and what each learner makes of it: the line of the results file."""
    start = time.perf_counter()
    x, y = examples(job)
    given = spoilt(y, job)
    count = min(1200, int(0.6 * len(y)))
    audit = audited(job, x, given, y, count)
    found: dict[str, Any] = {**asdict(job), "error": 0.0, "told": audit.estimate is not None}
    if audit.estimate is not None:
        ids = audit.examples.ids.numpy()
        held = slice(count + CHECKED, None)
        for name, make in LEARNERS.items():
            for way, (labels, weights) in ways(audit, given[ids], y[ids]).items():
                learner, there = make(job.seed), weights > 0
                step = f"{learner.steps[-1][0]}__" if hasattr(learner, "steps") else ""
                learner.fit(x[ids][there], labels[there], **{f"{step}sample_weight": weights[there]})
                found[f"{name}, {way}"] = 100 * float(f1_score(y[held], learner.predict(x[held]), average="macro"))
        found |= without_review(audit, y[ids])
    return {**found, "seconds": time.perf_counter() - start}


def without_review(audit: Audit, y: np.ndarray) -> dict[str, Any]:
    """How many labels `reweigh apply --auto` would change and how many rows drop, and how many of these wrongly."""
    found: dict[str, Any] = {}
    row_of = {audit.name(row): row for row in range(len(audit))}
    for sure in SURE:
        ones = decided(audit, sure).decisions
        rows = np.array([row_of[one.id] for one in ones], dtype=np.int64)
        change = np.array([one.word == "change" for one in ones], dtype=bool)
        wrongly = np.where(change, audit.suggested[rows] != y[rows], audit.given[rows] == y[rows])
        found |= {f"decided {sure}": len(ones), f"wrongly {sure}": int(wrongly.sum())}
    return found


def tables(results: Sequence[dict[str, Any]]) -> list[list[list[str]]]:
    """Macro F1 by learner and way, all sets and then by noise; and decisions without review by set."""
    told = [result for result in results if result["told"]]
    pages = []
    for noise in (None, *NOISES):
        some = [result for result in told if noise in (None, result["noise"])]
        rows = [[noise or "all sets", *WAYS]]
        rows += [[name, *(cell([result[f"{name}, {way}"] for result in some]) for way in WAYS)] for name in LEARNERS]
        pages.append(rows)
    pages.append(gains(told))
    rows = [["decided without review", *(f"at {sure}" for sure in SURE)]]
    for data in (*DATA, None):
        some = [result for result in told if data in (None, result["data"])]
        rows.append([data or "all sets", *(_right(some, sure) for sure in SURE)])
    return [*pages, rows]


def gains(results: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Over labels as given: the mean over all sets, and in how many of them it is a loss of more than half a point."""
    rows = [["gain over labels as given, losses of > 0.5", *WAYS[1:]]]
    for name in LEARNERS:
        cells = []
        for way in WAYS[1:]:
            each = [result[f"{name}, {way}"] - result[f"{name}, {WAYS[0]}"] for result in results]
            cells.append(f"{statistics.fmean(each):+.2f}, {sum(gain < -0.5 for gain in each)} of {len(each)}")
        rows.append([name, *cells])
    return rows


def _right(results: Sequence[dict[str, Any]], sure: float) -> str:
    count, wrong = (sum(result[f"{what} {sure}"] for result in results) for what in ("decided", "wrongly"))
    return f"{wrong} of {count} wrongly" + (f" ({100 * (1 - wrong / count):.1f} % right)" if count else "")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dest", type=Path, metavar="DEST", help="where the results go")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--noises", nargs="+", choices=list(NOISES), default=list(NOISES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path, help="write the tables here, as Markdown")
    args = parser.parse_args()
    jobs = [Job(*one, seed) for seed in range(args.seeds) for one in ((d, n) for d in args.data for n in args.noises)]
    path = args.dest / "sample_weight.jsonl"
    run_all(jobs, path, run, prepare, (), args.workers, ("data", "noise", "seed"))
    found = tables(list(read_results(path, Job).values()))
    for rows in found:
        show(rows, "macro F1 in %, mean ± std (runs)")
    write_pages(args.output, *(as_markdown(rows) for rows in found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
