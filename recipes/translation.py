"""What weights do for translation, German to English, where pairs are wrong in one way.

    python recipes/translation.py deu.txt --kinds exchanged --rows plain judged      # goes on where it was stopped
    python recipes/translation.py multi30k --pairs 29000 --steps 2000 --model translator-small --precision bf16 --minutes 9
    python recipes/translation.py --table                                            # only shows what is there

On a CPU the short sentences of Tatoeba, 40,000 pairs and a Transformer of two layers and width 128; on a GPU Multi30k. No
English sentence is in two parts (`translation_pairs.py`). Pairs are spoilt in one way, 40 % of them or, `--added`, as many
others beside; 500 pairs are checked and 1,000 give the score, sacreBLEU of the last step by the greedy way. Every row is a
run of `reweigh train` with other settings and the same steps, and a line of `--results` that is not made again.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import reweigh
from reweigh.allocator import keep_freed_memory
from reweigh.metrics import auroc
from reweigh.run.finished import data_of
from reweigh.run.start import start
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings
from runs import add_result, as_markdown, cell, read_results, show
from told import told_of
from translation_pairs import KINDS, Pair, added, parts_of, replaced, write

RESULTS = Path(__file__).parent.parent / "docs" / "results" / "translation.jsonl"
PLAIN = {"rule": "uniform"}
DUAL_STEPS = 400
BINS = 20
NOT_RUN = "not run"


class Row(NamedTuple):
    """Settings, and what is left out beforehand: from the files, the pairs and which are wrong, to which are kept."""

    settings: dict[str, Any]
    kept: Callable[[dict[str, Any], list[Pair], list[bool]], list[bool]] | None = None


@dataclass(frozen=True)
class Job:
    """One run."""

    data: str
    row: str
    kind: str
    how: str
    share: float
    pairs: int
    steps: int
    seed: int


def truly_right(settings: dict[str, Any], given: list[Pair], wrong: list[bool]) -> list[bool]:
    """As somebody who knows would filter."""
    return [not bad for bad in wrong]


def by_dual_cross_entropy(settings: dict[str, Any], given: list[Pair], wrong: list[bool]) -> list[bool]:
    """Two small models of the checked pairs, one each way, agree (Junczys-Dowmunt, 2018); the best are kept.

    The score is |h − h'| + (h + h') / 2, of mean losses a token; how many are wrong it is told.
    """
    with tempfile.TemporaryDirectory() as name:
        there, back = (
            _losses_of_one_trained_on_checked({**settings, "source": source, "target": target}, Path(name) / source)
            for source, target in (("de", "en"), ("en", "de"))
        )
    score = (there - back).abs() + (there + back) / 2
    kept = torch.zeros(len(given), dtype=torch.bool)
    kept[score.argsort()[: len(given) - sum(wrong)]] = True
    return kept.tolist()


def _losses_of_one_trained_on_checked(settings: dict[str, Any], folder: Path) -> Tensor:
    """The mean loss a token of all training pairs, (N,), in their order."""
    start(Settings.of(**{**settings, "rule": "checked-only", "steps": DUAL_STEPS}), folder, SILENT)
    run = reweigh.load(folder)
    data, model = data_of(run.finished), run.model.module
    train, ours = data.train, torch.nonzero(~torch.isin(data.train.ids, data.clean.ids)).flatten()
    found, order = torch.full((int(train.ids.max()) + 1,), torch.inf), train.lengths[ours, 1].argsort()
    with torch.no_grad():
        for rows in ours[order].split(500):
            batch = train.batch(rows)
            found[batch["id"]] = train.task.loss(model, batch)
    return found


ROWS: dict[str, Row] = {
    "oracle filter": Row(PLAIN, truly_right),
    "plain": Row({**PLAIN, "keep_clean_in_train": False}),
    "plain + checked": Row(PLAIN),
    "checked alone": Row({"rule": "checked-only"}),
    "fine-tuned": Row({"rule": "fine-tuned"}),
    "random": Row({"rule": "random"}),
    "small-loss": Row({"rule": "small-loss", "rule_option": ("share={wrong}",)}),
    "dual cross-entropy": Row(PLAIN, by_dual_cross_entropy),
    "L2RW": Row({"rule": "l2rw", "layers": None, "contrast": "none"}),
    "smoothed": Row({"rule": "smoothed", "contrast": "none"}),
    "smoothed, contrast": Row({"rule": "smoothed", "contrast": "input"}),
    "judged": Row({"rule": "judged"}),
    "drawn": Row({"rule": "drawn"}),
    "judged-and-helpful": Row({"rule": "judged-and-helpful"}),
    "meta-weight-net": Row({"rule": "meta-weight-net", "contrast": "none"}),
    "teacher, surface": Row({"rule": "deep-interaction", "teacher_reads": ("surface",), "contrast": "input"}),
    "teacher": Row({"rule": "deep-interaction", "contrast": "none"}),
    "teacher, contrast": Row({"rule": "deep-interaction", "contrast": "input"}),
    "auto": Row({"rule": "auto"}),
}


def run(job: Job, data: Path, more: dict[str, Any]) -> dict[str, Any]:
    """BLEU, chrF and the AUROC of the mean weights of a run in a folder that goes away."""
    train, checked, test, spare = parts_of(data, job.pairs, job.seed)
    if job.how == "added":
        given, wrong = added(train, spare, job.kind, job.share, job.seed)
    else:
        given, wrong = replaced(train, job.kind, job.share, job.seed)
    row = ROWS[job.row]
    with tempfile.TemporaryDirectory() as name:
        folder, began, cpu = Path(name), time.perf_counter(), time.process_time()
        files = {
            "train": write(folder / "pairs.tsv", given),
            "clean": write(folder / "checked.tsv", checked),
            "test": write(folder / "test.tsv", test),
        }
        usual = {
            **files, "source": "de", "target": "en", "text_length": 48, "vocabulary": 4000, "batch_size": 128,
            "clean_batch_size": 64, "steps": job.steps, "seed": job.seed, "ledger": False, **more,
        }  # fmt: skip
        if row.kept is not None:
            kept = row.kept(usual, given, wrong)
            given, wrong = ([item for item, keep in zip(all_, kept, strict=True) if keep] for all_ in (given, wrong))
            write(folder / "pairs.tsv", given)
        settings = {**usual, **row.settings}
        if "rule_option" in settings:
            share = sum(wrong) / len(wrong)
            settings["rule_option"] = tuple(option.format(wrong=share) for option in settings["rule_option"])
        found = start(Settings.of(**settings), folder / "run", SILENT)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        trust, right = told_of_pairs(folder / "run", len(given))
    known = ~trust.isnan()
    trust, truth = trust[known], torch.tensor(wrong)[known]
    told = bool(truth.any()) and float(trust.max() - trust.min()) > 1e-4
    return {
        **asdict(job),
        "bleu": found["test_bleu"],
        "chrf": found["test_chrf"],
        "auroc": auroc(-trust, truth) if told else None,
        "trust_of_right": spread(trust[~truth]) if told else None,
        "trust_of_wrong": spread(trust[truth]) if told else None,
        "right_told": right,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        **{name: value for name, value in more.items() if name not in files},
    }


def told_of_pairs(folder: Path, count: int) -> tuple[Tensor, list[float] | None]:
    """How far each of the given pairs is trusted, (N,) from 0 to 1, and the share of right ones with its interval.

    NaN of those that are left out, whose sources are in another part too.
    """
    ids, found, right = told_of(reweigh.load(folder).finished)
    trust, ours = torch.full((count,), torch.nan), ids < count  # checked ones come after them
    trust[ids[ours]] = found[ours]
    return trust, right


def spread(trust: Tensor) -> list[int]:
    """How many pairs are trusted by 0 to 0.05, to 0.1, ..."""
    return torch.histc(trust.clamp(0, 1).float(), BINS, 0, 1).int().tolist()


def table(results: dict[Job, dict[str, Any]], rows: Sequence[str] = tuple(ROWS)) -> list[list[str]]:
    """A line for each kind and row, mean ± standard deviation over the seeds; rows without a run are said to have none."""
    found = [["pairs", "wrong", "weights", "BLEU", "chrF", "AUROC in %", "right, told", "CPU seconds"]]
    groups: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = {}
    for job, result in results.items():
        wrong = "none" if not job.share else f"{job.share:.0%} {job.kind}" + (" beside" if job.how == "added" else "")
        groups.setdefault((f"{job.data}, {job.pairs:,}", wrong), {}).setdefault(job.row, []).append(result)
    for (pairs, wrong), of_rows in sorted(groups.items()):
        for row in rows:
            each = of_rows.get(row, [])
            ranks = [100 * one["auroc"] for one in each if one["auroc"] is not None]
            scores = [cell([one[name] for one in each]) if each else NOT_RUN for name in ("bleu", "chrf")]
            seconds = _of_cpu(each) if each else ""
            told = [100 * one["right_told"][0] for one in each if one.get("right_told")]
            found.append(
                [pairs, wrong, row, *scores, cell(ranks) if ranks else "", cell(told) if told else "", seconds]
            )
    return found


def _of_cpu(each: Sequence[dict[str, Any]]) -> str:
    """The longest run's; where only a clock was read, and other work went on, they are at most so many."""
    read = [one["cpu_seconds"] for one in each if "cpu_seconds" in one]
    return f"{max(read):.0f}" if read else f"≤ {min(one['seconds'] for one in each):.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="What weights do for translation where pairs are wrong in one way.")
    parser.add_argument("data", type=Path, nargs="?", help="deu.txt of Tatoeba, or the folder of Multi30k")
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, "none"], default=["exchanged"])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--added", action="store_true", help="wrong pairs beside all right ones, as many by themselves")
    parser.add_argument("--share", type=float)
    parser.add_argument("--pairs", type=int, default=40_000)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--model", default="translator-tiny")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--lr", type=float, default=0.003)
    parser.add_argument("--minutes", type=float, help="no run begins that would end later, by the longest so far")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="only show what is there")
    args = parser.parse_args()
    keep_freed_memory()
    began, longest = time.monotonic(), 0.0
    more = {"model": args.model, "precision": args.precision, "lr": args.lr}
    for seed, kind, row in () if args.table else product(args.seeds, args.kinds, args.rows):
        share = 0.0 if kind == "none" else args.share or (1.0 if args.added else 0.4)
        how = "added" if args.added else "replaced"
        job = Job(args.data.stem, row, kind, how, share, args.pairs, args.steps, seed)
        if job in read_results(args.results, Job):
            continue
        if args.minutes is not None and time.monotonic() - began + longest > 60 * args.minutes:
            print("the time is over: the same command goes on from here")
            break
        started = time.monotonic()
        add_result(args.results, run(job, args.data, more))
        longest = max(longest, time.monotonic() - started)
    rows = table(read_results(args.results, Job))
    show(rows, "translation")
    print(as_markdown(rows))


if __name__ == "__main__":
    main()
