"""How well an audit finds wrong labels, beside cleanlab's confident learning on the same model.

Measured: the table is in docs/audit.md, with the hardware and versions.

    python recipes/audit.py                                    # about half an hour on two cores
    python recipes/audit.py --tasks digits-pair --seeds 1      # half a minute
    python recipes/audit.py --data-root ~/data --output table.md

Tasks. `digits-*` and `mnist-*`: synthetic noise of known rates (all of the digits, 10,000 images of MNIST). `cifar10n-*`:
labels that people really gave, 10,000 images; what the networks see are fixed features of the pictures (k-means on whitened
patches, Coates, Lee and Ng 2011, fitted without labels), since a convolutional network takes hours on two cores.

reweigh: L2RW, with a clean set taken out of the training images (10 a class; 20 for CIFAR-10N), scored as `reweigh audit`
does. `trust`, `mean weight` and `mean loss` are that score's parts, for comparison.

cleanlab: self-confidence from probabilities out of 5-fold cross-validation; the same network, steps, optimizer and schedule
in every fold, plain training. It knows no clean set; so that it is not the clean images alone that make the difference,
`+ clean` trains every fold on them too.

Precision at 1 %: of the worst-scored 1 % how many are really wrong; at the rate: of as many as are really wrong. Issues:
what `reweigh audit` flags, and what cleanlab's `find_label_issues` flags by default. Mean over the seeds.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reweigh.audit.judge import judge
from reweigh.audit.quality import label_quality, trust
from reweigh.data import Examples, clean_split, human_labels, load
from reweigh.errors import ReweighError, require
from reweigh.ledger import Ledger
from reweigh.metrics import auroc
from reweigh.run.job.job import assemble
from reweigh.run.job.loop import run_epoch
from reweigh.run.job.prepare import RunData, prepare
from reweigh.settings import Resolved, Settings
from reweigh.settings.usual import resolved
from reweigh.storage import write_bytes

TASKS = (
    "digits-background", "digits-pair", "digits-symmetric", "mnist-pair", "cifar10n-random1", "cifar10n-aggregate",
)  # fmt: skip
NOISE = {"background": "background:0.4", "pair": "pair:0.3", "symmetric": "symmetric:0.1"}
IMAGES, FOLDS, WORDS, PATCH = 10_000, 5, 400, 6


@dataclass(frozen=True)
class Row:
    """One way to score on one task: everything within [0, 1]; `flagged` is the precision and recall of the issues."""

    task: str
    method: str
    auroc: float
    at_one_percent: float
    at_rate: float
    flagged: tuple[float, float] | None = None


# ---- the data


def load_task(name: str, seed: int, root: str | None) -> tuple[Resolved, RunData]:
    """Settings and data of a task, drawn by the seed."""
    dataset, kind = name.split("-")
    shared: dict[str, Any] = {"seed": seed, "data_root": root, "threads": torch.get_num_threads()}
    if dataset == "cifar10n":
        config = resolved(Settings.of(dataset="cifar10", model="mlp", epochs=20, lr=0.01, clean_per_class=20, **shared))
        return config, human_cifar(config, kind, root)
    if dataset == "digits":
        config = resolved(Settings.of(dataset="digits", noise=NOISE[kind], steps=1000, lr=0.05, **shared))
        return config, prepare(config)
    config = resolved(Settings.of(dataset="mnist", noise=NOISE[kind], epochs=6, lr=0.01, **shared))
    data = prepare(config)
    return config, data._replace(train=some(data.train, seed), test=some(data.test, seed, 2000))


def some(examples: Examples, seed: int, count: int = IMAGES) -> Examples:
    """So many of the examples, drawn by the seed."""
    return examples.select(torch.randperm(len(examples), generator=torch.Generator().manual_seed(seed))[:count])


def human_cifar(config: Resolved, kind: str, root: str | None) -> RunData:
    """CIFAR-10 with human labels, its pictures replaced by features; the clean set has the true labels."""
    seed = config.student.seed
    train, test = load("cifar10", root)
    train = some(train.with_labels(human_labels(kind, root)), seed, IMAGES + 200)
    test = some(test, seed, 2000)
    split = clean_split(train.true_y, 20, seed, keep_in_train=False, classes=10)
    train, test = (replace(part, x=x) for part, x in zip((train, test), features(train.x, test.x, seed), strict=True))
    clean = train.select(split.clean)
    return RunData(train.select(split.train), clean.with_labels(clean.true_y), test)


def features(train: Tensor, test: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Images (N, 3, 32, 32) -> (N, 4 * WORDS): how near the patches of each quarter are to each centre."""
    cluster = require("sklearn.cluster", "cli")
    generator = torch.Generator().manual_seed(seed)
    patches = unfold(train[torch.randperm(len(train), generator=generator)[:1000]]).flatten(0, 1)
    patches = normal(patches[torch.randperm(len(patches), generator=generator)[:50_000]])
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    whiten = vectors @ torch.diag((values + 0.1).rsqrt()) @ vectors.T
    kmeans = cluster.MiniBatchKMeans(WORDS, random_state=seed, n_init=1, batch_size=4096)
    centres = torch.from_numpy(kmeans.fit(((patches - mean) @ whiten).numpy()).cluster_centers_).float()

    def of(images: Tensor) -> Tensor:
        found = []
        for part in images.split(100):
            white = (normal(unfold(part)) - mean) @ whiten
            distance = torch.cdist(white, centres)
            near = (distance.mean(-1, keepdim=True) - distance).clamp(min=0)  # "triangle" of the paper
            side = 32 - PATCH + 1
            grid = near.transpose(1, 2).reshape(len(part), WORDS, side, side)
            found.append(torch.nn.functional.adaptive_avg_pool2d(grid, 2).flatten(1))
        return torch.cat(found)

    x, y = of(train), of(test)
    return (x - x.mean(0)) / (x.std(0) + 1e-3), (y - x.mean(0)) / (x.std(0) + 1e-3)


def unfold(images: Tensor) -> Tensor:
    """Every patch of each image: (N, 729, 108)."""
    return torch.nn.functional.unfold(images, PATCH).transpose(1, 2)


def normal(patches: Tensor) -> Tensor:
    """Patches of mean zero and equal contrast."""
    centred = patches - patches.mean(-1, keepdim=True)
    return centred / (centred.var(-1, keepdim=True) + 0.001).sqrt()


# ---- two ways to score


def by_reweigh(task: str, config: Resolved, data: RunData) -> list[Row]:
    """Train once with L2RW and score as `reweigh audit` does."""
    job = assemble(config, data)
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder, "ledger"))
        while job.epochs_done < job.epochs:
            run_epoch(job, test=False, ledger=ledger)
        seen = ledger.summary()
    data = data._replace(train=data.train.select(data.train.ids.argsort()))  # as the summary has them
    assert np.array_equal(data.train.ids, seen.id)
    trusted = trust(seen.mean_weight, seen.zero_share, seen.mean_alignment, seen.visits)
    quality = label_quality(trusted, seen.mean_loss)
    said = judge(job.model.eval(), data.train)
    flagged = (trusted < 0.5) & (said.suggested != data.train.y).numpy()
    wrong = data.train.corrupted.numpy()
    return [
        score(task, "reweigh audit", quality, wrong, flagged),
        score(task, "  trust", trusted, wrong),
        score(task, "  mean weight", seen.mean_weight, wrong),
        score(task, "  mean loss", -seen.mean_loss, wrong),
    ]


def by_cleanlab(task: str, config: Resolved, data: RunData, *, with_clean: bool) -> Row:
    """Self-confidence from cross-validated probabilities, and the issues of confident learning."""
    filters, ranks = require("cleanlab.filter", "peers"), require("cleanlab.rank", "peers")
    probabilities = cross_validated(config, data, with_clean)
    labels = data.train.y.numpy()
    quality = ranks.get_label_quality_scores(labels, probabilities)
    flagged = filters.find_label_issues(labels, probabilities, n_jobs=1)
    name = "cleanlab + clean" if with_clean else "cleanlab"
    return score(task, name, quality, data.train.corrupted.numpy(), flagged)


def cross_validated(config: Resolved, data: RunData, with_clean: bool) -> np.ndarray[Any, Any]:
    """(N, C) probabilities, each from a network that has not seen the example."""
    train = data.train
    fold = torch.randperm(len(train), generator=torch.Generator().manual_seed(config.student.seed)) % FOLDS
    found = torch.zeros(len(train), len(train.classes))
    for held_out in range(FOLDS):
        part = train.select(fold != held_out)
        if with_clean:
            part = together(part, data.clean)
        # As many steps as the other way of training takes.
        steps = config.student.steps_in_all(-(-len(train) // config.student.batch_size))
        plain = config.but(rule="uniform", steps=steps, epochs=None)
        job = assemble(plain, data._replace(train=part))
        while job.epochs_done < job.epochs:
            run_epoch(job, test=False)
        with torch.no_grad():
            found[fold == held_out] = job.model.eval()(train.x[fold == held_out]).softmax(1)
    return found.double().numpy()


def together(one: Examples, other: Examples) -> Examples:
    columns = [torch.cat([getattr(part, name) for part in (one, other)]) for name in ("x", "y", "ids")]
    return Examples(*columns, one.classes, torch.cat([one.true_y, other.true_y]))


def score(task: str, method: str, quality: Any, wrong: Any, flagged: Any = None) -> Row:
    """How well low quality (N,) finds what is wrong (N,)."""
    order = np.argsort(quality, kind="stable")
    return Row(
        task,
        method,
        auroc(torch.as_tensor(-quality), torch.as_tensor(wrong)),
        float(wrong[order[: max(1, len(order) // 100)]].mean()),
        float(wrong[order[: wrong.sum()]].mean()),
        None if flagged is None else (float(wrong[flagged].mean()), float(flagged[wrong].mean())),
    )


# ---- the table


def mean_row(rows: Sequence[Row]) -> Row:
    """The mean over seeds of the rows of one method on one task."""
    flags = [row.flagged for row in rows if row.flagged is not None]
    return Row(
        rows[0].task,
        rows[0].method,
        *(statistics.fmean(getattr(row, name) for row in rows) for name in ("auroc", "at_one_percent", "at_rate")),
        flagged=(statistics.fmean(f[0] for f in flags), statistics.fmean(f[1] for f in flags)) if flags else None,
    )


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [
        "| task | scored by | AUROC | precision at 1 % | precision at the true rate | issues: precision, recall |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        flags = "" if row.flagged is None else f"{row.flagged[0]:.2f}, {row.flagged[1]:.2f}"
        method = row.method.replace("  ", "– ")
        lines.append(
            f"| {row.task} | {method} | {row.auroc:.3f} | {row.at_one_percent:.2f} | {row.at_rate:.2f} | {flags} |"
        )
    return "\n".join(lines) + "\n"


def run_task(task: str, seed: int, root: str | None) -> list[Row]:
    """All rows of one task and seed."""
    config, data = load_task(task, seed, root)
    rows = by_reweigh(task, config, data)
    return [*rows, *(by_cleanlab(task, config, data, with_clean=clean) for clean in (False, True))]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="An audit beside cleanlab: AUROC and precision on wrong labels.")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS), metavar="TASK")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0 (default 3)")
    parser.add_argument("--data-root", help="where data sets lie (default: REWEIGH_DATA, or a cache folder)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="threads of torch")
    parser.add_argument("--output", type=Path, help="a Markdown file for the table")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.threads < 1:
        parser.error("--seeds and --threads must be at least 1")
    torch.set_num_threads(options.threads)
    table: list[Row] = []
    try:
        for task in options.tasks:
            runs = [run_task(task, seed, options.data_root) for seed in range(options.seeds)]
            table += [mean_row(rows) for rows in zip(*runs, strict=True)]
            print(as_markdown(table[-len(runs[0]) :]), flush=True)
    except ReweighError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    if options.output:
        write_bytes(options.output, as_markdown(table).encode())


if __name__ == "__main__":
    main()
