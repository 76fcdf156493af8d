"""CIFAR at its full size with wrong labels, rare classes, and right labels: every rule on one schedule.

    python recipes/cifar.py DATA --cache FEATURES --kinds uniform-40 pair-40 --minutes 9     # goes on where it was stopped
    python recipes/cifar.py DATA --network fast --rows "plain + checked" drawn --seeds 0     # images: wants a GPU
    python recipes/cifar.py --table                                                          # only shows what is there

DATA holds the publishers' folders (`cifar_data.py`), FEATURES is a folder that is made once. All 50,000 training images, of
which 1,000 are checked, or 5,000 by `--checked`; the publishers' 10,000 test images; the last epoch, never the best. Every
row is a run of `reweigh.fit` with other settings and the same steps, and a line of RESULTS/NETWORK.jsonl that is not made
again. The schedule of `features` was chosen by plain training on clean labels alone; the rules that learn have the learning
rate of `noisy_labels.py`. Checked examples are trained on too, but under "plain".
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import reweigh
from cifar_data import KINDS, Parts, features, images, parts_of
from cifar_networks import NETWORKS
from reweigh.data import Examples, Splits
from reweigh.errors import ReweighError, require
from reweigh.metrics import auroc
from reweigh.models import MLP
from reweigh.run.job.prepare import joined
from runs import add_result, cell, one_thread, read_results, show
from told import told_of

RESULTS = Path(__file__).parent.parent / "docs" / "results" / "cifar"
NOT_RUN = "not run"
FOLDS, TOLD_APART = 3, 1e-4


class Sieve(NamedTuple):
    """Which of the examples that are not checked are left, (N,) bool, and how far each was trusted, where that was asked."""

    keep: Tensor
    trust: Tensor | None = None


class Row(NamedTuple):
    """Settings, and what is left out beforehand: from the parts and the settings of plain training.

    Where it is `seen`, the checked examples stand among the others too, as they were called before.
    """

    settings: dict[str, Any]
    sieve: Callable[[Parts, dict[str, Any]], Sieve] | None = None
    seen: bool = False


def truly_right(parts: Parts, settings: dict[str, Any]) -> Sieve:
    """As somebody who knows would filter."""
    return Sieve(~parts.given.corrupted)


def by_cleanlab(parts: Parts, settings: dict[str, Any]) -> Sieve:
    """What cleanlab finds (Northcutt et al., 2021) by what plain training says out of three folds is left out."""
    filters, rank = require("cleanlab.filter", "peers"), require("cleanlab.rank", "peers")
    given, said = parts.given, torch.empty(len(parts.given), len(parts.given.classes))
    fold = torch.randperm(len(given), generator=torch.Generator().manual_seed(settings["seed"])) % FOLDS
    for number in range(FOLDS):
        asked = given.select(fold == number)
        learnt = reweigh.fit(given.select(fold != number), clean=parts.checked, test=asked, **settings, rule="uniform")
        module = learnt.model.module.eval()
        with torch.no_grad():
            outputs = [module(asked.batch(rows)["x"]) for rows in torch.arange(len(asked)).split(1_000)]
        said[fold == number] = torch.cat(outputs).softmax(1)
    labels, probabilities = given.y.numpy(), said.double().numpy()
    wrong = torch.from_numpy(filters.find_label_issues(labels, probabilities, n_jobs=1))
    return Sieve(~wrong, torch.from_numpy(rank.get_label_quality_scores(labels, probabilities)))


@dataclass(frozen=True)
class Job:
    """One run."""

    data: str
    network: str
    kind: str
    row: str
    checked: int
    steps: int
    seed: int


_TEACHER = {"rule": "deep-interaction", "teacher_lr": 0.003}
ROWS: dict[str, Row] = {
    "oracle filter": Row({"rule": "uniform"}, truly_right),
    "plain": Row({"rule": "uniform", "keep_clean_in_train": False}),
    "plain + checked": Row({"rule": "uniform"}),
    "checked only": Row({"rule": "checked-only"}),
    "linear, checked only": Row({"rule": "checked-only", "model": partial(MLP, hidden=())}),
    "fine-tuned": Row({"rule": "fine-tuned"}),
    "random": Row({"rule": "random"}),
    "small-loss": Row({"rule": "small-loss", "rule_option": ("share={wrong}",)}),
    "cleanlab, pruned": Row({"rule": "uniform"}, by_cleanlab),
    "RHO-loss": Row({"rule": "rho-loss"}),
    "L2RW": Row({"rule": "l2rw"}),
    "smoothed": Row({"rule": "smoothed"}),
    "meta-weight-net": Row({"rule": "meta-weight-net"}),
    "class-aware": Row({"rule": "class-aware", "teacher_lr": 0.003}),
    "teacher, surface": Row({**_TEACHER, "teacher_reads": ("surface",)}),
    "teacher, internal": Row({**_TEACHER, "teacher_reads": ("surface", "internal")}),
    "teacher, interaction": Row(_TEACHER),
    "judged": Row({"rule": "judged"}),
    "judged-and-helpful": Row({"rule": "judged-and-helpful"}),
    "drawn": Row({"rule": "drawn"}),
    "judged, seen before": Row({"rule": "judged"}, seen=True),
    "drawn, seen before": Row({"rule": "drawn"}, seen=True),
    "resampling": Row({"rule": "resampling"}),
}
"""Small-loss is co-teaching without its second network, and is told the true share of wrong labels; RHO-loss learns from a
tenth of each batch; the oracle filter leaves out all wrong labels, cleanlab what it finds by three more runs. "Internal" and
"interaction" each read what the row above reads too. "Seen before" knows what checked examples were called."""


def run(job: Job, parts: Parts, threads: int | None = None) -> dict[str, Any]:
    """Accuracy of the last epoch, and the AUROC of trust for right labels, of a run in a folder that goes away."""
    row, network, wrong = ROWS[job.row], NETWORKS[job.network], parts.given.corrupted
    share = round(float(wrong.double().mean()), 4)
    settings = {
        **network.settings, "steps": job.steps, "seed": job.seed, "ledger": False, "threads": threads, "verbose": False,
        "quick": True,
    }  # fmt: skip
    if network.made is not None:
        assert isinstance(parts.given.x, Tensor)
        settings["model"] = network.made(parts.given.x, len(parts.given.classes), job.seed)
    began, of_processor = time.perf_counter(), time.process_time()
    sieve = None if row.sieve is None else row.sieve(parts, settings)
    given = parts.given if sieve is None else parts.given.select(sieve.keep)
    settings |= row.settings
    if "rule_option" in settings:
        settings["rule_option"] = tuple(option.format(wrong=share) for option in settings["rule_option"])
    learnt = _together(given, parts.called) if row.seen else given
    done = reweigh.fit(learnt, clean=parts.checked, test=parts.test, **settings)
    seconds, of_processor = time.perf_counter() - began, time.process_time() - of_processor
    ids, trust, right = told_of(done.finished)
    ours = torch.isin(ids, given.ids)
    trust, truth = trust[ours], given.corrupted[torch.searchsorted(given.ids, ids[ours])]
    if sieve is not None and sieve.trust is not None:
        trust, truth = sieve.trust, wrong
    told = bool(truth.any()) and float(trust.max() - trust.min()) > TOLD_APART
    return {
        **asdict(job),
        "accuracy": 100 * done.finished.summary["test_accuracy"],
        "auroc": auroc(-trust, truth) if told else None,
        "wrong": share,
        "right_told": right,
        "seconds": round(seconds, 1),
        "processor_seconds": round(of_processor, 1),
        "threads": torch.get_num_threads() if threads is None else threads,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "reweigh": reweigh.__version__,
    }


def _together(one: Examples, other: Examples) -> Examples:
    """Both, by their ids."""
    both = joined(one, other)
    return both.select(both.ids.argsort())


Found = dict[Job, dict[str, Any]]


class Setting(NamedTuple):
    """What all runs of a table share."""

    data: str
    network: str
    checked: int
    steps: int

    def __str__(self) -> str:
        return f"{self.data}, {self.network}, {self.checked:,} checked, {self.steps:,} steps"


def setting_of(job: Job) -> Setting:
    """Of one run."""
    return Setting(job.data, job.network, job.checked, job.steps)


def results_in(folder: Path) -> Found:
    """The runs of all networks."""
    return {job: one for name in NETWORKS for job, one in read_results(folder / f"{name}.jsonl", Job).items()}


def settings_of(results: Found) -> list[Setting]:
    """Of all runs there are, in the order of the networks."""
    found = set(map(setting_of, results))
    return sorted(found, key=lambda one: (one.data, list(NETWORKS).index(one.network), one.checked, one.steps))


def runs_of(results: Found, setting: Setting, kind: str, row: str) -> dict[int, dict[str, Any]]:
    """What came out, by seed."""
    data, network, checked, steps = setting
    return {
        job.seed: one for job, one in results.items() if job == Job(data, network, kind, row, checked, steps, job.seed)
    }


def kinds_of(results: Found, setting: Setting) -> list[str]:
    """Of which there is a run."""
    there = {job.kind for job in results if setting_of(job) == setting}
    return [kind for kind in KINDS if kind in there]


def table(results: Found, setting: Setting, rows: Sequence[str] = tuple(ROWS)) -> list[list[str]]:
    """A line a row, a column a kind of labels: accuracy, mean ± standard deviation over the seeds, or that none was run.

    Then the seconds of processor time of a run, the median over all kinds and seeds.
    """
    kinds = kinds_of(results, setting)
    lines = [["accuracy in %", *kinds, "seconds"]]
    for row in rows:
        each = [runs_of(results, setting, kind, row).values() for kind in kinds]
        cells = [cell([one["accuracy"] for one in runs]) if runs else NOT_RUN for runs in each]
        seconds = [one["processor_seconds"] for runs in each for one in runs]
        lines.append([row, *cells, f"{statistics.median(seconds):.0f}" if seconds else ""])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="CIFAR with wrong labels, at its full size.")
    parser.add_argument("data_root", type=Path, nargs="?", help="the folder of the publishers' folders")
    parser.add_argument("--data", choices=["cifar10", "cifar100"], default="cifar10")
    parser.add_argument("--network", choices=list(NETWORKS), default="features")
    parser.add_argument(
        "--cache", type=Path, default=Path("build/cifar-features"), help="where features lie or are put"
    )
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS)[:6])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--checked", type=int, nargs="+", default=[1_000])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, help="instead of the network's own number")
    parser.add_argument("--minutes", type=float, help="no run begins that would end later, by the longest so far")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the results")
    parser.add_argument("--table", action="store_true", help="only show what is there")
    args = parser.parse_args()
    if not args.table and args.data_root is None:
        parser.error("say where the publishers' folders lie, or --table")
    try:
        if not args.table:
            run_in_time(args)
    except ReweighError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        raise SystemExit(2) from mistake
    results = results_in(args.results)
    for setting in settings_of(results):
        show(table(results, setting), str(setting))


def run_in_time(args: argparse.Namespace) -> None:
    """What is not in the results file yet, all kinds and rows of a seed before the next."""
    began, longest, whole, path = time.monotonic(), 0.0, None, args.results / f"{args.network}.jsonl"
    steps, threads = args.steps or NETWORKS[args.network].settings["steps"], 1 if args.network == "features" else None
    if threads == 1:
        one_thread()
    for seed, kind, checked, row in product(args.seeds, args.kinds, args.checked, args.rows):
        job = Job(args.data, args.network, kind, row, checked, steps, seed)
        if job in read_results(path, Job):
            continue
        if args.minutes is not None and time.monotonic() - began + longest > 60 * args.minutes:
            print("the time is over: the same command goes on from here")
            return
        started = time.monotonic()
        whole = whole or read(args.data, args.network, args.data_root, args.cache)
        add_result(path, run(job, parts_of(whole, kind, checked, seed, args.data_root), threads))
        longest = max(longest, time.monotonic() - started)


def read(data: str, network: str, root: Path, cache: Path) -> Splits:
    """The data as the network reads them."""
    return features(data, root, cache) if network == "features" else images(data, root)


if __name__ == "__main__":
    main()
