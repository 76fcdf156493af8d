"""The model that a run trains, as its settings and data describe it."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from reweigh.data import Examples
from reweigh.data.own import Encoding
from reweigh.data.sampling import seed_for
from reweigh.errors import BadInput
from reweigh.models import build
from reweigh.models.registry import PAIR_MODELS
from reweigh.named_code import first_line, is_object, not_given_again
from reweigh.run.objects import own_copy
from reweigh.settings.student import ResolvedStudent

OPTIONS = {
    "table": {"categories"},
    "tfidf": {"terms", "padding"},
    "minilm": {"terms", "padding"},
    "transformer": {"vocabulary", "padding"},
    **{name: {"padding"} for name in PAIR_MODELS},
}
"""What our models have to know of the user's data; functions of the user's own are offered all of it."""
FROZEN = ("efficientnet-lite0", "tfidf", "minilm")
"""Those of our models whose body has learnt elsewhere and is frozen."""
SMALL_TRANSFORMER = {"width": 64, "layers": 2, "heads": 4}


def build_student(
    student: ResolvedStudent, examples: Examples, encoding: Encoding | None, given: Any = None
) -> nn.Module:
    """A fresh model for the examples, on the CPU; of own data `encoding` says what it has to know about them.

    `given` is the model where it is an object: a module, which is copied, or what builds one.

    Raises:
        BadInput: if there is no such model, or it does not fit the data.
    """
    model = student_for(student, tuple(examples.x.shape[1:]), examples.task.outputs, encoding, given)
    if given is not None:
        _check_takes(model, examples.task.inputs(examples.batch(torch.arange(min(2, len(examples))))))
    return model


def _check_takes(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """A model that was given reads such inputs, (B, ...) each; the global random state stays as found.

    Raises:
        BadInput: if it fails.
    """
    training = model.training
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            model.eval()(*inputs)
    except Exception as failed:  # whatever the caller's model raises
        shape, x = ", ".join(map(str, ("B", *inputs[0].shape[1:]))), inputs[0]
        raise BadInput(
            f"the model, a {type(model).__name__}, cannot be called with these data, ({shape}) of {x.dtype}: "
            f"{first_line(failed)}"
        ) from failed
    model.train(training)


def student_for(
    student: ResolvedStudent, input_shape: tuple[int, ...], outputs: int, encoding: Encoding | None, given: Any = None
) -> nn.Module:
    """The same by the shape of one example and the number of outputs."""
    if isinstance(given, nn.Module):
        return own_copy(given)
    if given is None and is_object(student.model):
        raise BadInput(not_given_again(student.model, "model"))
    return build(
        student.model if given is None else given,
        input_shape=input_shape,
        classes=outputs,
        seed=seed_for(student.seed, "model"),
        **_options(student, encoding),
    )


def check_fits(
    student: ResolvedStudent,
    input_shape: tuple[int, ...],
    outputs: int,
    encoding: Encoding | None,
    state: Mapping[str, Tensor],
) -> None:
    """Parameters that were read are those of such a model, found before anything of its size is made.

    Of models that are not ours only building them can tell, and then their own names and shapes.

    Raises:
        BadInput: if there is no such model.
        ValueError: if they are not.
    """
    model = student.model
    if ":" in model or model in FROZEN:
        return
    options = _options(student, encoding)
    empty = build(model, input_shape=input_shape, classes=outputs, device="meta", **options)
    wanted = {name: tuple(value.shape) for name, value in empty.state_dict().items()}
    if wanted != {name: tuple(value.shape) for name, value in state.items()}:
        raise ValueError("other names or shapes")


def _options(student: ResolvedStudent, encoding: Encoding | None) -> dict[str, Any]:
    model = student.model
    options = {} if encoding is None else dict(encoding.model_options)
    if ":" not in model:
        options = {name: value for name, value in options.items() if name in OPTIONS.get(model, ())}
    if encoding is not None and model == "transformer":
        options = {**SMALL_TRANSFORMER, **options}
    return options
