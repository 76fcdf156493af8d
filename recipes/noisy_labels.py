"""Wrong labels, a long tail, and clean labels: every rule and baseline on the same schedules.

    python recipes/noisy_labels.py                                    # everything; some hours on two cores
    python recipes/noisy_labels.py --tasks mnist-pair-40 hausa --seeds 2
    python recipes/noisy_labels.py --tasks mnist-uniform-40 --methods plain l2rw --seeds 1

Every method of a task gets the same model, the same steps, learning rates and batches; the test error is that of the LAST
step; mean ± standard deviation (n − 1) over the seeds. The clean examples are taken out of the training set; "plain" trains
on what is left, "plain + clean" has them back among the others. A finished run is a line of `--runs`/results.jsonl.

    mnist-*     2,000 images of MNIST at 14x14 pixels, LeNet, 100 clean images (10 a class); tail-100: 20,000 thinned out
                to 1 in 100 from the first class to the last; 4-9-200: 4,975 nines and 25 fours, 5 clean images of each,
                as in recipes/mnist_imbalance.py but smaller and shorter
    cifar10-*   5,000 images of CIFAR-10 at 16x16 pixels, ResNet-8 of width 8, 200 clean images (20 a class);
                cifar10n has the real labels that one human annotator each gave, 17 % of them wrong
    hausa       topics of 5,215 Hausa news titles with their real distant-supervision labels, an MLP on the frequencies of
                character n-grams, 100 clean titles (20 a topic) from the publisher's development set

The images are small because two cores are to finish all of it; more pixels, images and steps are worth more accuracy.
400 steps of 100 examples, SGD with momentum 0.9, learning rate 0.05 (mnist: 0.02, cifar10: 0.1), divided by 10 at 1/2 and
3/4 of the way, weight decay 5e-4. Clean batches are half as large as the training ones. Rules that learn: Adam, 1e-3 for
Meta-Weight-Net as published and `--teacher-lr` for all others.
"""

import argparse
import csv
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mnist_imbalance import FOUR, NINE, fours_and_nines
from reweigh import L2RW, ClassAwareWeightNet, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh._types import PerExampleLoss
from reweigh.data import Examples, clean_split, load, long_tail, parse_noise, two_class
from reweigh.data.sampling import epoch_order
from reweigh.errors import BadInput, ReweighError
from reweigh.models import ResNet, build
from reweigh.options import near
from reweigh.rules import ClassProportion, ClassResampling, Oracle, RandomRectified, Rule, Uniform
from reweigh.run import Callback, Step, Trainer, batches_of, fit
from reweigh.run.job.evaluate import accuracy
from reweigh.run.job.records import Records, noise_auroc
from reweigh.settings.schedule import learning_rate
from runs import as_markdown, cell, one_thread, read_results, run_all, show, write_pages

TASKS = (
    "mnist-uniform-40", "mnist-uniform-60", "mnist-pair-40", "mnist-background-40", "mnist-clean", "mnist-tail-100",
    "mnist-4-9-200",
    "cifar10-uniform-40", "cifar10-pair-40", "cifar10n", "cifar10-clean", "hausa",
)  # fmt: skip
METHODS = (
    "plain", "plain + clean", "random", "proportion", "resampling", "l2rw", "meta-weight-net, published",
    "meta-weight-net", "class-aware", "teacher, surface", "teacher, internal", "teacher", "teacher, K = 5", "oracle",
)  # fmt: skip
REMEDIES = ("teacher, mean", "teacher, every 5", "teacher, warm-up", "teacher, all clean")
"""Tried where the teacher did not win, and run where `--methods` names them: weights over B that need not sum to one; a step
of the teacher in five of the student's; 100 plain steps first; clean batches of the whole clean set."""
STEPS, BATCH = 400, 100
NINES, FOURS = 4975, 25


@dataclass(frozen=True)
class Job:
    """One training run; its fields are the key under which its result is kept."""

    task: str
    method: str
    seed: int
    steps: int
    teacher_lr: float


@dataclass(frozen=True)
class Data:
    """What a run learns from and is tested on; `wrong` (N,) bool where the truth is known, else None."""

    train: Examples
    clean: Examples
    test: Examples
    wrong: Tensor | None
    model: Callable[[int], nn.Module]
    lr: float


# ---- the data


def images_of(job: Job, root: str | None) -> Data:
    """MNIST or CIFAR-10: a fixed subset, less the clean images, its labels made wrong or its classes rare."""
    family, _, kind = job.task.partition("-")
    mnist = family == "mnist"
    splits = load("mnist" if mnist else "cifar10", root)
    train, test = splits.train, splits.test
    if kind == "4-9-200":
        return lopsided(job, train, test)
    given = train.y
    if job.task == "cifar10n":
        given = torch.from_numpy(np.load(_file(root, "cifar-10n", "human_random1.npy"), allow_pickle=False)).long()
    subset = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    rows = subset[: 20_000 if "tail" in kind else 2_100 if mnist else 5_200]
    train, given = train.select(rows), given[rows]
    if "tail" in kind:
        rows = long_tail(train.y, 10, 100.0, job.seed)
        train, given = train.select(rows), given[rows]
    split = clean_split(train.y, 10 if mnist else 20, job.seed, classes=10)
    clean, train, given = train.select(split.clean), train.select(split.train), given[split.train]
    if kind[:1] in ("u", "p", "b"):
        name, _, percent = kind.partition("-")
        given = parse_noise(f"{name}:{int(percent) / 100}").apply(given, 10, job.seed).labels
    noisy = train.with_labels(given)
    wrong = noisy.corrupted if bool(noisy.corrupted.any()) else None
    noisy, clean, test = (smaller(part, centred=not mnist) for part in (noisy, clean, test))
    return Data(noisy, clean, test, wrong, lenet if mnist else small_resnet, 0.02 if mnist else 0.1)


def lopsided(job: Job, train: Examples, test: Examples) -> Data:
    """Many nines and few fours, of which five each are clean; every test image of the two."""
    pool, test = fours_and_nines(train), fours_and_nines(test)
    chosen = pool.select(two_class(pool.y, NINE, FOUR, job.seed, counts=(NINES, FOURS)))
    split = clean_split(chosen.y, 5, job.seed, classes=2)
    parts = (chosen.select(split.train), chosen.select(split.clean), test)
    noisy, clean, test = (smaller(part, centred=False) for part in parts)
    return Data(noisy, clean, test, None, lambda seed: lenet(seed, 2), 0.02)


def smaller(examples: Examples, *, centred: bool) -> Examples:
    """Half the height and width, by averages of 2x2 pixels; `centred` on zero."""
    x = F.avg_pool2d(examples.x, 2)
    x = (4 * x - 2 if centred else x).to(memory_format=torch.channels_last)  # the faster layout on a CPU
    return Examples(x, examples.y, examples.ids, examples.classes, examples.true_y)


def lenet(seed: int, classes: int = 10) -> nn.Module:
    return build("lenet", input_shape=(1, 14, 14), classes=classes, seed=seed).to(memory_format=torch.channels_last)


def small_resnet(seed: int) -> nn.Module:
    """ResNet-8: one block a stage, 8 to 32 channels."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return ResNet((3, 16, 16), 10, depth=8, width=8).to(memory_format=torch.channels_last)


def titles_of(job: Job, root: str | None) -> Data:
    """Hausa news: titles with distant-supervision labels to train on, checked ones from the development set as clean."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    folder = Path(_file(root, "hausa-news"))
    parts = {
        name: titles(folder / f"{name}.tsv")
        for name in ("train_clean_noisy_labels", "train_noisy", "train_clean", "dev", "test")
    }
    classes = tuple(sorted({label for _, labels in parts.values() for label in labels}))
    texts = parts["train_clean_noisy_labels"][0] + parts["train_noisy"][0]
    features = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=4096, sublinear_tf=True).fit(texts)

    def examples(text: list[str], labels: list[str]) -> Examples:
        x = torch.from_numpy(features.transform(text).toarray()).float() * 10
        y = torch.tensor([classes.index(label) for label in labels])
        return Examples(x, y, torch.arange(len(y)), classes)

    given = parts["train_clean_noisy_labels"][1] + parts["train_noisy"][1]
    train, checked = examples(texts, given), examples(*parts["dev"])
    clean = checked.select(clean_split(checked.y, 20, job.seed, classes=len(classes)).clean)
    known = torch.tensor([classes.index(label) for label in parts["train_clean"][1]])
    wrong = train.y[: len(known)] != known

    def model(seed: int) -> nn.Module:
        return build("mlp", input_shape=(train.x.shape[1],), classes=len(classes), seed=seed)

    return Data(train, clean, examples(*parts["test"]), wrong, model, 0.05)


def titles(path: Path) -> tuple[list[str], list[str]]:
    """The titles and labels of a file of the publisher's."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row["news_title"] for row in rows], [row["label"] for row in rows]


def _file(root: str | None, *names: str) -> Path:
    path = Path(root or os.environ.get("REWEIGH_DATA", "data")).joinpath(*names)
    if not path.exists():
        raise BadInput(f"{path} is not there: put the publisher's files there, or name another --data-root")
    return path


# ---- one run


def per_example_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def rule_of(job: Job, data: Data) -> tuple[Rule, Learning | None]:
    """The method's rule, and how it learns."""
    classes, sizes = len(data.train.classes), data.train.y.bincount(minlength=len(data.train.classes))
    wrong = data.wrong if data.wrong is not None else torch.zeros(0, dtype=torch.bool)

    def corrupted(batch: dict[str, Tensor]) -> Tensor:
        row = batch["row"]
        return torch.where(row < len(wrong), wrong[row.clamp(max=len(wrong) - 1)], False) if len(wrong) else row < 0

    learning, seed = Learning(lr=job.teacher_lr), job.seed
    rules: dict[str, Callable[[], tuple[Rule, Learning | None]]] = {
        "plain": lambda: (Uniform(), None),
        "plain + clean": lambda: (Uniform(), None),
        "random": lambda: (RandomRectified(seed=seed), None),
        "proportion": lambda: (ClassProportion(sizes), None),
        "resampling": lambda: (ClassResampling(), None),
        "l2rw": lambda: (L2RW(), None),
        "oracle": lambda: (Oracle(corrupted), None),
        "meta-weight-net, published": lambda: (
            MetaWeightNet(normalise="mean", seed=seed), Learning(look_ahead="virtual-sgd")
        ),
        "meta-weight-net": lambda: (MetaWeightNet(seed=seed), learning),
        "class-aware": lambda: (ClassAwareWeightNet(sizes, seed=seed), learning),
        "teacher, surface": lambda: (DeepInteraction(classes, internal=False, interaction=False, seed=seed), learning),
        "teacher, internal": lambda: (DeepInteraction(classes, surface=False, seed=seed), learning),
        **dict.fromkeys(
            ("teacher", "teacher, warm-up", "teacher, all clean"),
            lambda: (DeepInteraction(classes, seed=seed), learning),
        ),
        "teacher, K = 5": lambda: (DeepInteraction(classes, seed=seed), Learning(lr=job.teacher_lr, horizon=5)),
        "teacher, mean": lambda: (DeepInteraction(classes, normalise="mean", seed=seed), learning),
        "teacher, every 5": lambda: (DeepInteraction(classes, seed=seed), Learning(lr=job.teacher_lr, every=5)),
    }  # fmt: skip
    return rules[job.method]()


Watch = Callable[[int, Tensor, Tensor], None]
"""Told of every step: its number, the rows (B,) of the training set, and their weights (B,)."""


def train(
    job: Job, data: Data, watch: Watch | None = None, *, loss: PerExampleLoss = per_example_loss, **options: Any
) -> tuple[nn.Module, Records, Rule]:
    """The model after the last step, what weights the training examples got in the second half, and the rule.

    `options` are the Reweigher's.
    """
    model, examples = data.model(job.seed), data.train
    if job.method == "plain + clean":
        examples = joined(data.train, data.clean)
    rule, learning = rule_of(job, data)
    optimizer = torch.optim.SGD(model.parameters(), lr=data.lr, momentum=0.9, weight_decay=5e-4)
    own = {"teacher, warm-up": {"warm_up": 100}, "teacher, all clean": {"clean_batch_size": len(data.clean)}}
    reweigher = Reweigher(
        model,
        loss,
        rule=rule,
        clean=data.clean,
        optimizer=optimizer if learning else None,
        learning=learning,
        seed=job.seed,
        **{"clean_batch_size": BATCH // 2, **own.get(job.method, {}), **options},
    )
    records = Records(torch.arange(len(examples)))

    def portions(_: int) -> Iterator[Tensor]:
        order = torch.empty(0, dtype=torch.int64)
        for step in range(job.steps):
            if len(order) < BATCH:
                epoch, sampling = step * BATCH // len(examples), rule.sampling_weights(examples.y)
                order = epoch_order(len(examples), seed=job.seed, epoch=epoch, sampling=sampling)
            yield order[:BATCH]
            order = order[BATCH:]

    class Noting(Callback):
        def on_step(self, step: Step) -> None:
            if 2 * (step.done - 1) >= job.steps:
                records.add(step.rows, step.weights)
            if watch is not None:
                watch(step.done - 1, step.rows, step.weights)

    def batch(rows: Tensor) -> dict[str, Tensor]:
        return {**examples.batch(rows), "row": rows}

    def rate(step: int) -> float:
        return learning_rate("step", data.lr, step, job.steps)

    fit(Trainer(reweigher, optimizer, batches_of(batch, portions), rate), range(1), [Noting()])
    records.end_epoch()
    return model, records, rule


def joined(one: Examples, other: Examples) -> Examples:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("x", "y", "true_y")]
    x, y, true_y = (torch.cat(pair) for pair in pairs)
    return Examples(x, y, torch.arange(len(y)), one.classes, true_y)


_root: str | None = None


def prepare(root: str | None) -> None:
    """Start of a process: where the data lie, one thread, and no warning for what is run on purpose."""
    global _root
    one_thread()
    _root = root
    warnings.filterwarnings("ignore", message="the clean gradient has all but vanished")


def run(job: Job) -> dict[str, Any]:
    """Train and test: the line of the results file."""
    data = titles_of(job, _root) if job.task == "hausa" else images_of(job, _root)
    start = time.perf_counter()
    model, records, _ = train(job, data)
    seconds = time.perf_counter() - start
    known = None if data.wrong is None else records.mean_weight[: len(data.wrong)]
    auroc = None if known is None or data.wrong is None else noise_auroc(known, data.wrong)
    auroc = None if auroc is None or auroc != auroc else auroc
    error = 100 * (1 - accuracy(model, data.test, torch.device("cpu")))
    return {**asdict(job), "error": error, "auroc": auroc, "seconds": seconds}


# ---- the table


def tables(jobs: Sequence[Job], results: dict[Job, dict[str, Any]]) -> list[list[list[str]]]:
    """Test error and AUROC: a row a method, a column a task."""
    found = []
    for what, title in (("error", "test error in %"), ("auroc", "AUROC of the weights")):
        tasks = list(dict.fromkeys(job.task for job in jobs))
        rows = [[f"{title}, mean ± std (runs)", *tasks]]
        for method in dict.fromkeys(job.method for job in jobs):
            of_method = [job for job in jobs if job.method == method and job in results]
            values = [
                [results[j][what] for j in of_method if j.task == t and results[j][what] is not None] for t in tasks
            ]
            rows.append([method, *map(cell, values)])
        found.append(rows)
    return found


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Wrong labels, a long tail, clean labels: every rule and baseline.")
    parser.add_argument("--tasks", nargs="+", default=TASKS, help=", ".join(TASKS))
    parser.add_argument("--methods", nargs="+", default=METHODS, help=", ".join(METHODS + REMEDIES))
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from 0 (default 5)")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of every run (default {STEPS})")
    parser.add_argument("--teacher-lr", type=float, default=0.003, help="of the rules that learn (default 0.003)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes, one thread each")
    parser.add_argument("--data-root", help="where the data lie (default: REWEIGH_DATA, or a cache folder)")
    parser.add_argument("--runs", type=Path, default=Path("runs/noisy_labels"), help="folder of the results")
    parser.add_argument("--output", type=Path, help="a Markdown file for the tables")
    options = parser.parse_args(arguments)
    for name, known in (("tasks", TASKS), ("methods", METHODS + REMEDIES)):
        for word in getattr(options, name):
            if word not in known:
                parser.error(f"--{name}: {word!r} is not known{near(word, known)}")
    if min(options.seeds, options.steps, options.jobs) < 1:
        parser.error("--seeds, --steps and --jobs must be at least 1")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    jobs = [
        Job(task, method, seed, options.steps, options.teacher_lr)
        for seed in range(options.first_seed, options.first_seed + options.seeds)
        for task in options.tasks
        for method in options.methods
    ]
    path = options.runs / "results.jsonl"
    try:
        run_all(jobs, path, run, prepare, (options.data_root,), options.jobs, ("task", "method", "seed"))
    except ReweighError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    both = tables(jobs, read_results(path, Job))
    for rows in both:
        show(rows, "every method on the same schedule")
    write_pages(options.output, *map(as_markdown, both))


if __name__ == "__main__":
    main()
