"""What it is worth to know what checked examples were called before: on the sets of `verdict.py`, with and without that.

    python recipes/gone_over.py --runs docs/results/gone_over --wheels WHEELS --data-root DATA --seeds 2 --minutes 30
    python recipes/gone_over.py --runs docs/results/gone_over --show

Ten rows a class (two to ten, as the set has it) were picked out of the training rows and checked: as many of each class as
they are called, as many of each right class, or any. "With" the training rows hold them too, as they were called; "without"
they do not. Both have the same rows to learn from, the same checked and the same test rows. The rule is `judged`, or with
`--rule auto` the one that is chosen. A finished run is a line of RUNS/results.jsonl; the same command goes on from there.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reweigh.errors import ReweighError
from reweigh.run.job.evaluate import outputs_on
from reweigh.run.job.prepare import prepare
from runs import add_result, as_markdown, one_thread, read_results, show, write_pages
from verdict import CPU, audited, fitted, nearly_inside, scored, trained_of
from verdict_sets import PICKED, SETS, Places, Scene, gone_over

RULES = ("judged", "auto")


@dataclass(frozen=True)
class Job:
    """A run; its fields are the key under which its result is kept."""

    set: str
    by: str
    seen: bool
    rule: str
    seed: int


def run(job: Job, places: Places, steps: int | None = None) -> dict[str, Any]:
    """Scores of the model, what is told of the labels, and how good the probabilities are that they are right."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gone-over-") as folder:
        made = gone_over(SETS[job.set], places, job.seed, Path(folder), job.by, seen=job.seen)
        done = fitted(made, None if job.rule == "auto" else job.rule, job.seed, steps)
        data = prepare(done.finished.config)
        outputs = outputs_on(trained_of(done, data), data.test, CPU, data.test.task)
        found = {"chosen": done.finished.config.weights.rule, **scored(data.train.task, outputs, data.test.y)}
        found |= audited(done, made) | {"brier": brier(done, made)}
    return {**asdict(job), **found, "seconds": time.perf_counter() - started}


def brier(done: Any, made: Scene) -> float | None:
    """The mean square of how far P(right) is off; None where there is none."""
    try:
        audit = done.audit().audit
    except ReweighError:
        return None
    wrong = made.wrong_of(audit.examples.ids.numpy(), audit.names)
    said = None if audit.judged is None else audit.judged.right
    return None if said is None else float(np.square(1 - said - wrong).mean())


# ---- the table


Found = dict[Job, dict[str, Any]]


def pairs_of(found: Found, by: str, rule: str, sets: Iterable[str]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Runs of these sets without and with what checked rows were called, where there are both."""
    known = [job for job in found if (job.by, job.rule, job.seen) == (by, rule, True) and job.set in sets]
    return [(found[other], found[job]) for job in known if (other := replace(job, seen=False)) in found]


def table(found: Found, by: str, rule: str) -> list[list[str]]:
    """A line a set: of both, the means over the seeds that both have."""
    rows = [
        [
            f"checked by {by}, {rule}", "truly wrong, %", "told without", "told with (mean interval)", "holds without",
            "with", "Brier without", "with", "macro-F1 without", "with",
        ]
    ]  # fmt: skip
    for name in SETS:
        if pairs := pairs_of(found, by, rule, [name]):
            rows.append([name, *cells(*zip(*pairs, strict=True))])
    return rows


def cells(without: Sequence[dict[str, Any]], known: Sequence[dict[str, Any]]) -> list[str]:
    """The columns of a line."""
    ends = [one["interval"] for one in known if one["interval"] is not None]
    between = (
        "" if not ends else " ({:.0f} to {:.0f})".format(*(statistics.fmean(end) for end in zip(*ends, strict=True)))
    )
    return [
        mean([one["wrong"] for one in known], "{:.1f}"),
        mean([one["told"] for one in without], "{:.1f}"),
        mean([one["told"] for one in known], "{:.1f}") + between,
        holds(without),
        holds(known),
        *(mean([one["brier"] for one in of], "{:.3f}") for of in (without, known)),
        *(mean([one["f1"] for one in of], "{:.1f}") for of in (without, known)),
    ]


def mean(values: Sequence[float | None], form: str) -> str:
    """Of those that there are."""
    there = [value for value in values if value is not None]
    return form.format(statistics.fmean(there)) if there else "–"


def holds(runs: Sequence[dict[str, Any]]) -> str:
    """In how many of those with a number the truth lay in the interval, or nearly."""
    told = [one for one in runs if one["interval"] is not None]
    return f"{sum(map(nearly_inside, told))} of {len(told)}"


def off_by(one: dict[str, Any]) -> float | None:
    """How many points too many or too few are told to be wrong."""
    return None if one["told"] is None else abs(one["told"] - one["wrong"])


def totals(found: Found) -> list[list[str]]:
    """A line a way of picking and rule: of all sets and seeds that both have."""
    rows = [
        ["checked by, rule", "runs", "holds without", "with", "off without, points", "with", "macro-F1 with − without"]
    ]
    for by, rule in itertools.product(PICKED, RULES):
        if not (pairs := pairs_of(found, by, rule, SETS)):
            continue
        without, known = ([pair[k] for pair in pairs] for k in (0, 1))
        off = [mean([off_by(one) for one in of], "{:.1f}") for of in (without, known)]
        gain = [one["f1"] - other["f1"] for other, one in pairs]
        rows.append([f"{by}, {rule}", str(len(pairs)), holds(without), holds(known), *off, mean(gain, "{:+.2f}")])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description="What it is worth to know what checked examples were called before.")
    parser.add_argument("--runs", type=Path, required=True, help="the folder of results.jsonl")
    parser.add_argument("--wheels", type=Path, help="the folder of the wheels that bring tables")
    parser.add_argument("--data-root", type=Path, help="the folder of the publishers' folders")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--by", nargs="+", choices=PICKED, default=list(PICKED))
    parser.add_argument("--rule", choices=RULES, default="judged")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, help="instead of the usual number; no result")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no run begins later")
    parser.add_argument("--show", action="store_true", help="only show what is there")
    parser.add_argument("--output", type=Path, help="the tables as Markdown")
    args = parser.parse_args()
    path = args.runs / "results.jsonl"
    if not args.show:
        one_thread()
        try:
            _run_all(args, path)
        except ReweighError as mistake:
            print(f"error: {mistake}", file=sys.stderr)
            raise SystemExit(2) from mistake
    found = read_results(path, Job)
    tables = [totals(found), *(table(found, by, rule) for rule in RULES for by in PICKED)]
    tables = [rows for rows in tables if len(rows) > 1]
    for rows in tables:
        show(rows, rows[0][0])
    write_pages(args.output, *map(as_markdown, tables))


def _run_all(args: argparse.Namespace, path: Path) -> None:
    began, places = time.monotonic(), Places(args.wheels, args.data_root)
    for seed, by, name, seen in itertools.product(range(args.seeds), args.by, args.sets, (False, True)):
        job = Job(name, by, seen, args.rule, seed)
        if job in read_results(path, Job):
            continue
        if time.monotonic() - began > 60 * args.minutes:
            print("the time is over: the same command goes on from here")
            return
        try:
            add_result(path, run(job, places, args.steps))
        except ReweighError as mistake:  # a class of which nothing was picked cannot be learnt
            print(f"{name}, by {by}, seed {seed}: {mistake}", file=sys.stderr)
        torch.manual_seed(0)


if __name__ == "__main__":
    main()
