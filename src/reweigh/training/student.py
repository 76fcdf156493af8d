"""The model that a run trains, as its settings and data describe it."""

from torch import nn

from reweigh.data import Examples
from reweigh.data.own import Encoding
from reweigh.models import build
from reweigh.training.config import TrainConfig, known
from reweigh.training.schedule import seed_for

OPTIONS = {"table": {"categories"}, "transformer": {"vocabulary", "padding"}}
"""What our models have to know of the user's data; functions of the user's own are offered all of it."""
SMALL_TRANSFORMER = {"width": 64, "layers": 2, "heads": 4}


def build_student(config: TrainConfig, examples: Examples, encoding: Encoding | None) -> nn.Module:
    """A fresh model for the examples, on the CPU; of own data `encoding` says what it has to know about them.

    Raises:
        BadInput: if there is no such model, or it does not fit the data.
    """
    return student_for(config, tuple(examples.x.shape[1:]), len(examples.classes), encoding)


def student_for(
    config: TrainConfig, input_shape: tuple[int, ...], outputs: int, encoding: Encoding | None
) -> nn.Module:
    """The same by the shape of one example and the number of outputs."""
    model = known(config.model)
    options = {} if encoding is None else dict(encoding.model_options)
    if ":" not in model:
        options = {name: value for name, value in options.items() if name in OPTIONS.get(model, ())}
    if encoding is not None and model == "transformer":
        options = {**SMALL_TRANSFORMER, **options}
    return build(model, input_shape=input_shape, classes=outputs, seed=seed_for(config.seed, "model"), **options)
