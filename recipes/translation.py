"""What weights do for translation, German to English, where pairs are wrong in one way: Tatoeba's short sentences, on a CPU.

    python recipes/translation.py deu.txt --kinds exchanged --rows plain usual      # goes on where it was stopped
    python recipes/translation.py deu.txt --table

`deu.txt` is the pairs of manythings.org/anki, English first. No English sentence is in two parts. A share of the targets is
spoilt in one way (`reweigh.rightness.pairs`), 500 pairs are checked and 1,000 give the score, sacreBLEU of the last step by
the greedy way. Every row is a run of `reweigh train` with other settings, and a line of `--results` that is not made again.
"""

import argparse
import random
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from reweigh.allocator import keep_freed_memory
from reweigh.metrics import auroc
from reweigh.rightness.pairs import PAIR_KINDS, spoil
from reweigh.run.start import start
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings
from runs import add_result, as_markdown, cell, read_results, show

CHECKED, TEST = 500, 1000
Pair = tuple[str, str]
ROWS: dict[str, dict[str, Any]] = {
    "oracle filter": {"rule": "uniform"},
    "plain": {"rule": "uniform"},
    "checked pairs alone": {"rule": "checked-only"},
    "random": {"rule": "random"},
    "L2RW": {"rule": "l2rw", "layers": None, "contrast": "none"},
    "smoothed": {"rule": "smoothed", "contrast": "none"},
    "usual: smoothed, body, contrast": {},
}


@dataclass(frozen=True)
class Job:
    """One run."""

    row: str
    kind: str
    share: float
    pairs: int
    steps: int
    seed: int


def parts_of(path: Path, count: int, seed: int) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """German and English: pairs to learn from, checked ones and new ones, no English sentence in two of them."""
    by_target: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").split("\n"):
        english, _, german = line.partition("\t")
        if german:
            by_target.setdefault(english, []).append(german.split("\t")[0])
    draw, targets = random.Random(seed), sorted(by_target)
    draw.shuffle(targets)
    found = [(draw.choice(by_target[target]), target) for target in targets[: CHECKED + TEST + count]]
    return found[CHECKED + TEST :], found[:CHECKED], found[CHECKED : CHECKED + TEST]


def spoilt(pairs: list[Pair], kind: str, share: float, seed: int) -> tuple[list[Pair], list[bool]]:
    """A share of the pairs with targets that are wrong in one way, and which those are."""
    bad = sorted(random.Random(seed).sample(range(len(pairs)), round(share * len(pairs))))
    sources, targets = ([pairs[row][side].split() for row in bad] for side in (0, 1))
    given = list(pairs)
    for row, words in zip(bad, spoil(sources, targets, kind, seed), strict=True):
        given[row] = (pairs[row][0], " ".join(words))
    wrong = set(bad)
    return given, [row in wrong for row in range(len(pairs))]


def write(path: Path, pairs: list[Pair]) -> str:
    """Lines of two fields below their names."""
    path.write_text("de\ten\n" + "".join(f"{source}\t{target}\n" for source, target in pairs), "utf-8")
    return str(path)


def run(job: Job, data: Path) -> dict[str, Any]:
    """BLEU, chrF and the AUROC of the mean weights of a run in a folder that goes away."""
    train, checked, test = parts_of(data, job.pairs, job.seed)
    given, wrong = spoilt(train, job.kind, job.share, job.seed)
    if job.row == "oracle filter":
        given, wrong = ([item for item, bad in zip(kept, wrong, strict=True) if not bad] for kept in (given, wrong))
    with tempfile.TemporaryDirectory() as name:
        folder, began = Path(name), time.perf_counter()
        files = {"train": write(folder / "pairs.tsv", given), "clean": write(folder / "checked.tsv", checked)}
        settings = {
            **files,
            "test": write(folder / "test.tsv", test),
            "source": "de",
            "target": "en",
            "text_length": 48,
            "vocabulary": 4000,
        }
        more = {
            "steps": job.steps,
            "batch_size": 128,
            "clean_batch_size": 64,
            "seed": job.seed,
            "ledger": False,
            **ROWS[job.row],
        }
        found = start(Settings.of(**settings, **more), folder / "run", SILENT)
        weights = pq.read_table(folder / "run" / "weights.parquet", columns=["id", "mean_weight"]).to_pydict()
    rows = [place for place, name in enumerate(weights["id"]) if name < len(given)]  # checked ones come after them
    mean = torch.tensor([weights["mean_weight"][row] or 0.0 for row in rows])
    truth = torch.tensor([wrong[weights["id"][row]] for row in rows])
    told = bool(truth.any()) and float(mean.max() - mean.min()) > 1e-4
    return {
        **asdict(job),
        "bleu": found["test_bleu"],
        "chrf": found["test_chrf"],
        "auroc": auroc(-mean, truth) if told else None,
        "seconds": round(time.perf_counter() - began, 1),
    }


def table(results: dict[Job, dict[str, Any]]) -> list[list[str]]:
    """A line for each kind and row, mean ± standard deviation over the seeds."""
    found = [["wrong pairs", "weights", "BLEU", "chrF", "AUROC in %", "seconds"]]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for job, result in results.items():
        groups.setdefault((f"{job.kind} {job.share:.0%}", job.row), []).append(result)
    for (kind, row), each in sorted(groups.items(), key=lambda item: (item[0][0], list(ROWS).index(item[0][1]))):
        ranks = [100 * one["auroc"] for one in each if one["auroc"] is not None]
        scores = [cell([one[name] for one in each]) for name in ("bleu", "chrf")]
        found.append([kind, row, *scores, cell(ranks) if ranks else "", f"{max(one['seconds'] for one in each):.0f}"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What weights do for translation where pairs are wrong in one way.")
    parser.add_argument("data", type=Path, help="deu.txt")
    parser.add_argument("--kinds", nargs="+", choices=list(PAIR_KINDS), default=["exchanged"])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--share", type=float, default=0.4)
    parser.add_argument("--pairs", type=int, default=40_000)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("translation.jsonl"))
    parser.add_argument("--table", action="store_true", help="only show what is there")
    args = parser.parse_args()
    keep_freed_memory()
    for seed, kind, row in product(range(args.seeds), args.kinds, args.rows) if not args.table else ():
        job = Job(row, kind, args.share, args.pairs, args.steps, seed)
        if job not in read_results(args.results, Job):
            add_result(args.results, run(job, args.data))
    rows = table(read_results(args.results, Job))
    show(rows, "translation")
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
