"""`reweigh train`.

No option has a default here: what is not given is None, so that a resumed run can tell what was said again from
what was left out. The defaults are those of `TrainConfig`.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from reweigh.cli.show import Screen, console, progress_bar
from reweigh.data import NAMES
from reweigh.errors import BadInput
from reweigh.learning import LOOK_AHEADS, MEMORIES
from reweigh.models import MODELS
from reweigh.presets import PRESETS
from reweigh.rules import NORMALISATIONS
from reweigh.training.config import (
    AUGMENTATIONS,
    ENGINES,
    OPTIMIZERS,
    READS,
    RULES,
    TEACHER_OPTIMIZERS,
    TrainConfig,
)
from reweigh.training.run import resume as resume_run
from reweigh.training.run import start
from reweigh.training.schedule import SCHEDULES


def _option(panel: str, text: str, default: str | None = None, *names: str) -> Any:
    told = text if default is None else f"{text} Default: {default}."
    return typer.Option(*names, help=told, show_default=False, rich_help_panel=panel)


def _one_of(names: Iterable[str]) -> str:
    return ", ".join(names)


_data, _weights = partial(_option, "The data"), partial(_option, "The weights")
_teacher = partial(_option, "Rules that learn")
_student, _run = partial(_option, "The student"), partial(_option, "The run")

_NOISE = "Labels to make wrong: background:0.4 (40 % get one same class), uniform:0.4, symmetric:0.4, pair:0.4."
_IMBALANCE = "Classes to make rare: long-tail:100 makes the largest 100 times the smallest."
_ROOT = "Where data sets lie or are put."
_LAYERS = "Compare gradients in these submodules only; a pattern such as 'layer3.*', may be repeated."
_NORMALISE = f"Weights of a batch sum to one, or are each divided by its size: {_one_of(NORMALISATIONS)}."
_LOOK = f"Learn from the real step, or from a virtual one before it: {_one_of(LOOK_AHEADS)}."
_MEMORY = f"For horizons: {_one_of(MEMORIES)} (the latter with --optimizer reversible-sgd)."
_READS = f"What the teacher is told, may be repeated: {_one_of(READS)}."
_STATES = "Internal states to read, such as 'layer3' or 'head:input', may be repeated."
_SCHEDULE = f"Learning rate over time: {_one_of(SCHEDULES)} (divides by 10 at 1/2 and at 3/4 of the way)."

Word: TypeAlias = str | None
Whole: TypeAlias = int | None
Real: TypeAlias = float | None
Flag: TypeAlias = bool | None


def train(
    dataset: Annotated[Word, _data(f"What to train on: {_one_of(NAMES)}.")] = None,
    noise: Annotated[Word, _data(_NOISE, "none")] = None,
    imbalance: Annotated[Word, _data(_IMBALANCE, "none")] = None,
    clean_per_class: Annotated[Whole, _data("Clean images to set apart, per class.", "10")] = None,
    keep_clean_in_train: Annotated[
        Flag, _data("Train on the clean images as well.", None, "--keep-clean-in-train")
    ] = None,
    augment: Annotated[Word, _data(f"Random crops and flips: {_one_of(AUGMENTATIONS)}.", "none")] = None,
    data_root: Annotated[Word, _data(_ROOT, "$REWEIGH_DATA, else the user's cache")] = None,
    download: Annotated[Flag, _data("Do not fetch data that are missing.", None, " /--no-download")] = None,
    rule: Annotated[Word, _weights(f"How to weigh: {_one_of(RULES)}.", "l2rw")] = None,
    engine: Annotated[Word, _weights(f"How alignments are computed: {_one_of(ENGINES)}.", "auto")] = None,
    preset: Annotated[Word, _weights(f"What a step may cost: {_one_of(PRESETS)} (16 clean images).", "exact")] = None,
    layers: Annotated[list[str] | None, _weights(_LAYERS, "all")] = None,
    clean_batch_size: Annotated[Whole, _weights("Clean images in each step.", "as --batch-size; fast: 16")] = None,
    warm_up: Annotated[Whole, _weights("Plain steps before weighing starts.", "0")] = None,
    horizon: Annotated[Whole, _teacher("Learn through so many of the student's steps.", "1")] = None,
    look_ahead: Annotated[Word, _teacher(_LOOK, "real")] = None,
    memory: Annotated[Word, _teacher(_MEMORY, "snapshots")] = None,
    normalise: Annotated[Word, _teacher(_NORMALISE, "sum")] = None,
    teacher: Annotated[Word, _teacher("Use a trained teacher.safetensors as it is, frozen.")] = None,
    teacher_lr: Annotated[Real, _teacher("The rule's learning rate.", "0.001")] = None,
    teacher_optimizer: Annotated[Word, _teacher(f"One of {_one_of(TEACHER_OPTIMIZERS)}.", "adam")] = None,
    teacher_every: Annotated[Whole, _teacher("Learn after so many steps.", "the horizon")] = None,
    teacher_reads: Annotated[list[str] | None, _teacher(_READS, "all")] = None,
    teacher_states: Annotated[list[str] | None, _teacher(_STATES, "found")] = None,
    model: Annotated[Word, _student(f"The network: {_one_of(MODELS)}.", "the usual for the data")] = None,
    epochs: Annotated[Whole, _student("How often to go through the data.", "20")] = None,
    steps: Annotated[Whole, _student("Or instead: how many steps to make.")] = None,
    batch_size: Annotated[Whole, _student("Images in each step.", "100")] = None,
    optimizer: Annotated[Word, _student(f"One of {_one_of(OPTIMIZERS)}.", "sgd")] = None,
    lr: Annotated[Real, _student("Learning rate.", "0.01 for sgd, 0.001 for adam and adamw")] = None,
    momentum: Annotated[Real, _student("Momentum; for adam its first beta.", "0.9")] = None,
    weight_decay: Annotated[Real, _student("Weight decay.", "0")] = None,
    schedule: Annotated[Word, _student(_SCHEDULE, "step")] = None,
    seed: Annotated[Whole, _student("All randomness comes from it.", "0")] = None,
    output: Annotated[Path, _run("The run's folder.", "runs/reweigh")] = Path("runs/reweigh"),
    resume: Annotated[bool, _run("Go on with the run in that folder.", None, "--resume")] = False,
    overwrite: Annotated[bool, _run("Replace the run in that folder.", None, "--overwrite")] = False,
    checkpoint_every: Annotated[Whole, _run("Save after so many epochs.", "1")] = None,
    device: Annotated[Word, _run("cpu, cuda, cuda:1 or mps.", "cpu")] = None,
    threads: Annotated[Whole, _run("Processor threads.", "as torch chooses")] = None,
) -> None:
    """Train a classifier with learned example weights, and keep all that came out in a folder.

    Example: reweigh train --dataset mnist --noise background:0.4 --clean-per-class 10 --rule l2rw
    --output runs/mnist

    The folder gets config.json, metrics.jsonl (a line an epoch), model.safetensors, weights.parquet (a row an
    example), ledger/ (each epoch's weights), distrusted.png, summary.json and, of a rule
    that learns, teacher.safetensors. A run that was stopped or killed
    goes on with --resume and ends as if nothing had happened.
    """
    given = {name: value for name, value in locals().items() if name not in _NO_SETTINGS and value is not None}
    for name, words in (("layers", layers), ("teacher_reads", teacher_reads), ("teacher_states", teacher_states)):
        if words:
            given[name] = tuple(words)
    if resume and overwrite:
        raise BadInput("--resume and --overwrite contradict each other: give one of them")
    if not resume and dataset is None:
        raise BadInput(f"no data set is named: add --dataset with one of {_one_of(NAMES)}")
    with progress_bar("training", total=None) as (progress, task):
        screen = Screen(progress, task)
        if resume:
            summary = resume_run(output, given, screen)
        else:
            summary = start(TrainConfig(**given), output, screen, overwrite=overwrite)
    _report(summary, output)


_NO_SETTINGS = frozenset({"output", "resume", "overwrite", "layers", "teacher_reads", "teacher_states"})


def _report(summary: dict[str, Any], output: Path) -> None:
    console.print(f"\nTest accuracy at the last epoch: {100 * summary['test_accuracy']:.2f} %")
    if summary.get("auroc") is not None:
        wrong = summary["wrong_labels"]
        console.print(f"AUROC of the mean weights against the {wrong} wrong labels: {summary['auroc']:.3f}")
    console.print(f"All of it is in {output}: weights.parquet says how far each example was trusted.")
