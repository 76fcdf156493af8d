"""The words that settings may be, and the least that numbers may be."""

import math
from collections.abc import Collection, Mapping

from reweigh.data import NAMES
from reweigh.errors import BadInput
from reweigh.learning import LOOK_AHEADS, MEMORIES
from reweigh.models import MODELS
from reweigh.presets import PRESETS
from reweigh.rules import NORMALISATIONS, registry
from reweigh.settings.checks import choose
from reweigh.settings.schedule import SCHEDULES

OPTIMIZERS = ("sgd", "adam", "adamw", "reversible-sgd")
TEACHER_OPTIMIZERS = ("sgd", "adam", "adamw")
ENGINES = ("auto", "ghost", "forward", "finite", "double")
PRECISIONS = ("fp32", "bf16", "fp16")
AUGMENTATIONS = ("none", "crop", "crop-flip")

CHOICES: Mapping[str, Collection[str]] = {
    "dataset": NAMES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "engine": ENGINES,
    "preset": PRESETS,
    "precision": PRECISIONS,
    "augment": AUGMENTATIONS,
    "look_ahead": LOOK_AHEADS,
    "memory": MEMORIES,
    "normalise": NORMALISATIONS,
    "teacher_optimizer": TEACHER_OPTIMIZERS,
}
AT_LEAST: Mapping[str, float] = {
    "clean_per_class": 1,
    "image_size": 1,
    "text_length": 1,
    "warm_up": 0,
    "horizon": 1,
    "teacher_every": 1,
    "epochs": 1,
    "steps": 1,
    "batch_size": 1,
    "clean_batch_size": 1,
    "weight_decay": 0.0,
    "seed": 0,
    "threads": 1,
    "checkpoint_every": 1,
    "patience": 1,
}


def check_model(name: str | None) -> None:
    """A model of ours by name, one of Hugging Face (`hf:NAME`), or a function (`module:function`).

    Raises:
        BadInput: if it is none of these.
    """
    before, colon, after = (name or "").partition(":")
    if not colon:
        choose("model", name, [*MODELS, "hf:NAME", "module:function"])
    elif not before or not after:
        raise BadInput(f"model {name!r} is not known: write hf:NAME, hf:FOLDER or module:function")


def check_rule(name: str | None) -> None:
    """A rule of ours by name, or a class (`module:Class`).

    Raises:
        BadInput: if it is neither.
    """
    before, colon, after = (name or "").partition(":")
    if not colon:
        choose("rule", name, [*registry.names(), "module:Class"])
    elif not before or not after:
        raise BadInput(f"rule {name!r} is not known: write one of {', '.join(registry.names())}, or module:Class")


def parse_imbalance(text: str) -> float | None:
    """Read `none` (None) or `long-tail:FACTOR`, the largest class over the smallest.

    Raises:
        BadInput: for any other text, or a factor below 1.
    """
    if text == "none":
        return None
    kind, _, number = text.partition(":")
    try:
        factor = float(number)
    except ValueError:
        factor = math.nan
    if kind != "long-tail" or not 1 <= factor < math.inf:
        raise BadInput(
            f"the imbalance {text!r} is not known: write none, or long-tail:FACTOR with a factor of at least 1, "
            "such as long-tail:100"
        )
    return factor
