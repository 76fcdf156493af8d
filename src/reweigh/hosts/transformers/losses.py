"""One loss an example, for the usual models of transformers: each sequence's own mean, whatever its length.

`ReweighTrainer` takes the model's own loss where it is given none, which averages over the tokens of a batch instead.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from reweigh.fields import ID_NAMES
from reweigh.hosts.transformers.kinds import CAUSAL, IGNORED, TOKENS, Kind, entropies, kind_of, labels_of, logits_of
from reweigh.student import unwrap

_TARGETS = ("labels", "start_positions", "end_positions")


def classification_loss(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """The loss of each sequence's or image's labels, (B,), as `config.problem_type` says or transformers guesses it.

    One label: cross entropy. Several: binary cross entropy, averaged over the labels. Regression: squared error, likewise.
    """
    return _means(kind_of(unwrap(model), batch), model, batch)


def token_classification_loss(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """Mean cross entropy of each sequence's tokens, (B,), over the labels that are not -100; masked words likewise."""
    return _means(TOKENS, model, batch)


def causal_lm_loss(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """Mean next-token cross entropy of each sequence, (B,), over the labels that are not -100."""
    return _means(CAUSAL, model, batch)


def causal_lm_token_loss(model: nn.Module, batch: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Next-token cross entropies, (B, T − 1), and which of them count, where labels are not -100: for `per="token"`."""
    labels, logits = labels_of(batch)[:, 1:], logits_of(outputs_of(model, batch))[:, :-1]
    return entropies(logits, labels), labels != IGNORED


def outputs_of(model: nn.Module, batch: Mapping[str, Any]) -> Any:
    """What the model makes of a batch without its targets, so that it computes no loss of its own."""
    student = unwrap(model)
    dropped = [name for name in _TARGETS if not _is_required(name, _parameters(type(student).forward))]
    inputs = {name: value for name, value in without_ids(student, batch).items() if name not in dropped}
    if reads_labels(student) and inputs.get("decoder_input_ids") is None and "labels" in batch:
        if hasattr(student, "prepare_decoder_input_ids_from_labels"):
            made: Any = student.prepare_decoder_input_ids_from_labels
            inputs["decoder_input_ids"] = made(labels=labels_of(batch))
        else:
            inputs["labels"] = batch["labels"]
    return model(**inputs)


def without_ids(student: nn.Module, batch: Mapping[str, Any]) -> Mapping[str, Any]:
    """The batch without the examples' ids, where the model does not ask for them; itself where there are none."""
    read = _parameters(type(student).forward)
    strange = [name for name in ID_NAMES if name in batch and name not in read]
    return {name: value for name, value in batch.items() if name not in strange} if strange else batch


@functools.lru_cache(maxsize=64)
def _parameters(forward: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(forward).parameters


def _is_required(name: str, parameters: Mapping[str, inspect.Parameter]) -> bool:
    return name in parameters and parameters[name].default is inspect.Parameter.empty


def reads_labels(student: nn.Module) -> bool:
    """Whether the decoder is fed with the labels, moved by one."""
    decodes = getattr(getattr(student, "config", None), "is_encoder_decoder", False)
    return decodes and getattr(student, "loss_type", None) in ("ForConditionalGeneration", None)


def _means(kind: Kind, model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    return (kind.sums(outputs_of(model, batch), batch, 0.0) / kind.items(batch).clamp(min=1)).mean(1)
