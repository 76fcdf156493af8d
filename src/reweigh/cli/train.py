"""`reweigh train`.

No option has a default here: what is not given is None, so that a resumed run can tell what was said again from
what was left out. The defaults are those of `TrainConfig`.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from reweigh.cli.config_file import settings_in
from reweigh.cli.short_help import short_help
from reweigh.cli.show import Screen, console, progress_bar
from reweigh.data import NAMES
from reweigh.errors import BadInput
from reweigh.learning import LOOK_AHEADS, MEMORIES
from reweigh.models import MODELS
from reweigh.presets import PRESETS
from reweigh.printable import printable
from reweigh.rules import NORMALISATIONS, READS, registry
from reweigh.run.start import resume as resume_run
from reweigh.run.start import start
from reweigh.settings.choices import AUGMENTATIONS, ENGINES, OPTIMIZERS, PRECISIONS, TEACHER_OPTIMIZERS
from reweigh.settings.config import TrainConfig
from reweigh.settings.schedule import SCHEDULES
from reweigh.tasks import MEASURES, column_tasks, score_text


def _option(panel: str, text: str, default: str | None = None, *names: str) -> Any:
    told = text if default is None else f"{text} Default: {default}."
    return typer.Option(*names, help=told, show_default=False, rich_help_panel=panel)


def _one_of(names: Iterable[str]) -> str:
    return ", ".join(names)


_own, _data = partial(_option, "Your own data"), partial(_option, "Data sets known by name, and what is done to labels")
_weights = partial(_option, "The weights")
_teacher = partial(_option, "Rules that learn")
_student, _run = partial(_option, "The student"), partial(_option, "The run")

_TRAIN = (
    "What to learn from: a .csv, .tsv, .jsonl or .parquet file, an .npz, or a folder with a folder of images per class."
)
_CLEAN = "The checked examples, the same kind of thing."
_CLEAN_COLUMN = "Or the column of --train that says true, 1 or yes where a row is checked."
_CLEAN_IDS = "Or a text file that names the checked examples, one a line."
_TEST = "Examples that give the score; without it some of the checked ones are held back."
_TARGET = "The column to learn; several, 'a,b,c', for labels that may stand together."
_TEXT = "The column of texts to learn from."
_MODEL = f"{_one_of(MODELS)}, hf:NAME_OR_FOLDER (Hugging Face, for texts and images) or module:function (your own)."
_KEEP = "Train on the clean examples as well."
_NO_LEDGER = "Do not keep each epoch's weights; audit and report need them."
_NOISE = "Labels to make wrong: background:0.4 (40 % get one same class), uniform:0.4, symmetric:0.4, pair:0.4."
_IMBALANCE = "Classes to make rare: long-tail:100 makes the largest 100 times the smallest."
_ROOT = "Where data sets lie or are put."
_RULE = f"How to weigh: {_one_of(registry.names())} or module:Class (your own)."
_RULE_OPTION = "What only this rule has, as NAME=VALUE such as share=0.2, may be repeated."
_CONFIG = "Settings as YAML, TOML or JSON, such as a run's config.json; options go before it."
_SHORT = typer.Option("-h", help="Show the ten options that matter.", is_eager=True, callback=short_help)
_LAYERS = "Compare gradients in these submodules only; a pattern such as 'layer3.*', may be repeated."
_NORMALISE = f"Weights of a batch sum to one, or are each divided by its size: {_one_of(NORMALISATIONS)}."
_LOOK = f"Learn from the real step, or from a virtual one before it: {_one_of(LOOK_AHEADS)}."
_MEMORY = f"For horizons: {_one_of(MEMORIES)} (the latter with --optimizer reversible-sgd)."
_READS = f"What the teacher is told, may be repeated: {_one_of(READS)}."
_STATES = "Internal states to read, such as 'layer3' or 'head:input', may be repeated."
_SCHEDULE = f"Learning rate over time: {_one_of(SCHEDULES)} (divides by 10 at 1/2 and at 3/4 of the way)."

_PATIENCE = "End after so many epochs without a lower loss on held-back checked examples; the best model comes out."

Word: TypeAlias = str | None
Whole: TypeAlias = int | None
Real: TypeAlias = float | None
Flag: TypeAlias = bool | None


def train(
    train: Annotated[Word, _own(_TRAIN)] = None,
    clean: Annotated[Word, _own(_CLEAN)] = None,
    clean_column: Annotated[Word, _own(_CLEAN_COLUMN)] = None,
    clean_ids: Annotated[Word, _own(_CLEAN_IDS)] = None,
    test: Annotated[Word, _own(_TEST)] = None,
    target: Annotated[Word, _own(_TARGET)] = None,
    text: Annotated[Word, _own(_TEXT)] = None,
    id_column: Annotated[Word, _own("The column that names examples.", "row numbers")] = None,
    drop: Annotated[list[str] | None, _own("A column not to learn from, may be repeated.")] = None,
    task: Annotated[
        Word, _own(f"{_one_of(column_tasks())} or module:Class (your own).", "found from the target")
    ] = None,
    test_share: Annotated[Real, _own("Share of the checked examples to hold back.", "0.3")] = None,
    image_size: Annotated[Whole, _own("Pixels a side.", "the usual of the images, at most 128, grey ones 64")] = None,
    text_length: Annotated[Whole, _own("Tokens a text.", "from the data, at most 128")] = None,
    dataset: Annotated[Word, _data(f"One of {_one_of(NAMES)}.")] = None,
    clean_per_class: Annotated[Whole, _data("Clean images to set apart, per class.", "10")] = None,
    noise: Annotated[Word, _data(_NOISE, "none")] = None,
    imbalance: Annotated[Word, _data(_IMBALANCE, "none")] = None,
    data_root: Annotated[Word, _data(_ROOT, "$REWEIGH_DATA, else the user's cache")] = None,
    download: Annotated[Flag, _data("Do not fetch data that are missing.", None, " /--no-download")] = None,
    rule: Annotated[Word, _weights(_RULE, registry.DEFAULT)] = None,
    rule_option: Annotated[list[str] | None, _weights(_RULE_OPTION)] = None,
    engine: Annotated[Word, _weights(f"How alignments are computed: {_one_of(ENGINES)}.", "auto")] = None,
    preset: Annotated[Word, _weights(f"What a step may cost: {_one_of(PRESETS)} (the last layers).", "exact")] = None,
    layers: Annotated[list[str] | None, _weights(_LAYERS, "all")] = None,
    clean_batch_size: Annotated[Whole, _weights("Clean examples in each step.", "as --batch-size; fast: 16")] = None,
    warm_up: Annotated[
        Whole, _weights("Plain steps before weighing starts.", "0; half of all for your own images")
    ] = None,
    keep_clean_in_train: Annotated[
        Flag, _weights(_KEEP, "yes for your own data", "--keep-clean-in-train/--no-keep-clean-in-train")
    ] = None,
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
    model: Annotated[Word, _student(_MODEL, "the usual for the data")] = None,
    epochs: Annotated[Whole, _student("How often to go through the data.", "20; by their size for your own")] = None,
    steps: Annotated[Whole, _student("Or instead: how many steps to make.")] = None,
    batch_size: Annotated[Whole, _student("Examples in each step.", "100; 128 for your own data")] = None,
    optimizer: Annotated[Word, _student(f"One of {_one_of(OPTIMIZERS)}.", "sgd; adam for your own data")] = None,
    lr: Annotated[Real, _student("Learning rate.", "0.01 for sgd, 0.001 for adam and adamw")] = None,
    momentum: Annotated[Real, _student("Momentum; for adam its first beta.", "0.9")] = None,
    weight_decay: Annotated[Real, _student("Weight decay.", "0")] = None,
    schedule: Annotated[Word, _student(_SCHEDULE, "step; cosine for your own data")] = None,
    augment: Annotated[Word, _student(f"Random crops and flips of images: {_one_of(AUGMENTATIONS)}.", "none")] = None,
    patience: Annotated[Whole, _student(_PATIENCE)] = None,
    seed: Annotated[Whole, _student("All randomness comes from it.", "0")] = None,
    output: Annotated[Path, _run("The run's folder.", "runs/reweigh")] = Path("runs/reweigh"),
    resume: Annotated[bool, _run("Go on with the run in that folder.", None, "--resume")] = False,
    overwrite: Annotated[bool, _run("Replace the run in that folder.", None, "--overwrite")] = False,
    checkpoint_every: Annotated[Whole, _run("Save after so many epochs.", "1")] = None,
    ledger: Annotated[Flag, _run(_NO_LEDGER, None, " /--no-ledger")] = None,
    device: Annotated[Word, _run("auto (cuda, mps or else cpu), cpu, cuda, cuda:1 or mps.", "auto")] = None,
    precision: Annotated[Word, _run(f"Of the model's passes: {_one_of(PRECISIONS)} (autocast).", "fp32")] = None,
    threads: Annotated[Whole, _run("Processor threads.", "as torch chooses")] = None,
    config: Annotated[Path | None, _run(_CONFIG)] = None,
    short: Annotated[bool, _SHORT] = False,
) -> None:
    """Train with learned example weights, and keep all that came out in a folder.

    Example: reweigh train --train noisy.csv --clean checked.csv --target label --output runs/mine

    The folder gets config.json, metrics.jsonl (a line an epoch), model.safetensors, weights.parquet (a row an
    example), ledger/ (each epoch's weights), distrusted.png (of images), summary.json, of your own data
    encoding.json (how they became numbers) and, of a rule that learns, teacher.safetensors. A run that was
    stopped or killed goes on with --resume and ends as if nothing had happened.
    """
    given = {name: value for name, value in locals().items() if name not in _NO_SETTINGS and value not in (None, [])}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    if config is not None:
        given = settings_in(config, given)
    if resume and overwrite:
        raise BadInput("--resume and --overwrite contradict each other: give one of them")
    settings = None if resume else TrainConfig(**given)
    with progress_bar("training", total=None) as (progress, bar):
        screen = Screen(progress, bar)
        if settings is not None:
            summary = start(settings, output, screen, overwrite=overwrite)
        else:
            summary = resume_run(output, given, screen)
    _report(summary, output)


_NO_SETTINGS = frozenset({"output", "resume", "overwrite", "config", "short"})


def _report(summary: dict[str, Any], output: Path) -> None:
    name = summary["score"]
    keys = [key for key in MEASURES if key in summary and key != name]
    others = [f"{MEASURES[key].words} {score_text(key, summary[key])}" for key in keys]
    told = f" ({', '.join(others)})" if others else ""
    console.print(f"\nTest {MEASURES[name].words} at {_when(summary)}: {score_text(name, summary[name])}{told}")
    if summary.get("auroc") is not None:
        wrong = summary["wrong_labels"]
        console.print(f"AUROC of the mean weights against the {wrong} wrong labels: {summary['auroc']:.3f}")
    console.print(f"All of it is in {printable(output)}: weights.parquet says how far each example was trusted.")


def _when(summary: dict[str, Any]) -> str:
    return f"epoch {summary['best_epoch']}, the best" if "best_epoch" in summary else "the last epoch"
