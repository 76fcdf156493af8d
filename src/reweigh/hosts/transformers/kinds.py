"""What the models of transformers descend, one example at a time.

A model's own loss is a sum over items (labels, tokens, positions) divided by their number. `Kind` has both apart: of each
example the sum, and how many items it has, (B, K). K is 1, but for question answering, which averages two losses.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from reweigh.errors import BadInput
from reweigh.tasks.problems import NUMBERS, ONE_LABEL, SEVERAL_LABELS

IGNORED = -100
"""The label of what does not count, as everywhere in transformers."""


@dataclass(frozen=True)
class Kind:
    """A kind of loss.

    Attributes:
        name: for people.
        items: how many items each example has, (B, K), of a batch.
        sums: the sum of its losses over them, (B, K), of outputs, a batch and the label smoothing ε.
        of_labels: whether the items are the labels that are not -100, which is what the Trainer counts in
            `num_items_in_batch`.
    """

    name: str
    items: Callable[[Mapping[str, Any]], Tensor]
    sums: Callable[[Any, Mapping[str, Any], float], Tensor]
    of_labels: bool = True


def kind_of(model: nn.Module, batch: Mapping[str, Any]) -> Kind:
    """The kind of the model's own loss; what is not known is taken for classification, and is to be checked."""
    name, loss_type = type(model).__name__, getattr(model, "loss_type", None)
    config = getattr(model, "config", None)
    if name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values() or loss_type == "ForCausalLM":
        return CAUSAL
    if loss_type == "ForConditionalGeneration":
        return TOKENS if getattr(config, "is_encoder_decoder", False) else CAUSAL
    if loss_type in ("ForMaskedLM", "ForTokenClassification"):
        return TOKENS
    if loss_type == "ForQuestionAnswering" and "start_positions" in batch:
        return SPANS
    return _BY_PROBLEM[problem_type(model, batch)]


def problem_type(model: nn.Module, batch: Mapping[str, Any]) -> str:
    """What a model of sequences or images is asked for: its `config.problem_type`, or as transformers guesses it.

    Raises:
        BadInput: if the configuration names a problem that transformers does not know.
    """
    config, labels = getattr(model, "config", None), labels_of(batch)
    given = getattr(config, "problem_type", None)
    if given is None:
        whole = not labels.is_floating_point() and labels.dtype != torch.bool
        if config is not None and getattr(config, "num_labels", None) == 1:
            return NUMBERS
        return ONE_LABEL if whole else SEVERAL_LABELS
    if given not in _BY_PROBLEM:
        raise BadInput(f"config.problem_type is {given!r}: transformers knows {', '.join(map(repr, _BY_PROBLEM))}")
    return str(given)


def settle_problem(model: nn.Module, batch: Mapping[str, Any]) -> None:
    """Write the guess into the configuration, as the model itself does in a pass with labels: it is saved with the model."""
    config = getattr(model, "config", None)
    guesses = type(model).__name__.endswith(("ForSequenceClassification", "ForImageClassification"))
    if guesses and config is not None and config.problem_type is None:
        config.problem_type = problem_type(model, batch)


def labels_of(batch: Mapping[str, Any]) -> Tensor:
    """The labels of a batch.

    Raises:
        BadInput: if it has none.
    """
    labels = batch.get("labels")
    if not isinstance(labels, Tensor):
        raise BadInput(
            f"the batch has no tensor 'labels', only {', '.join(map(repr, batch))}: give the examples labels"
        )
    return labels


def logits_of(outputs: Any) -> Tensor:
    """The logits among a model's outputs, which are an object, a dict or a tuple."""
    if isinstance(outputs, Mapping):
        found = outputs.get("logits")
    else:
        found = outputs[0] if isinstance(outputs, tuple) else getattr(outputs, "logits", outputs)
    if not isinstance(found, Tensor):
        raise BadInput("the model returns no logits: pass per_example_loss=, a function (model, batch) -> (B,)")
    return found


def _columns(*columns: Tensor) -> Tensor:
    return torch.stack(columns, dim=1)


def entropies(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Cross entropies (B, n) of n labels each, zero where one is -100; logits (B, ..., C), labels (B, ...)."""
    labels = labels.to(logits.device).reshape(len(labels), -1)
    flat = F.cross_entropy(
        logits.float().reshape(labels.numel(), -1),
        labels.flatten(),
        reduction="none",
        ignore_index=IGNORED,
        label_smoothing=smoothing,
    )
    return flat.view(labels.shape)


def _entropies(logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    return entropies(logits, labels, smoothing).sum(1, keepdim=True)


def _labels_that_count(labels: Tensor) -> Tensor:
    return (labels.reshape(len(labels), -1) != IGNORED).sum(1, keepdim=True)


def _one_each(batch: Mapping[str, Any]) -> Tensor:
    labels = labels_of(batch)
    return torch.ones(len(labels), 1, dtype=torch.long, device=labels.device)


def _pointwise(loss: Callable[..., Tensor]) -> Callable[[Any, Mapping[str, Any], float], Tensor]:
    def sums(outputs: Any, batch: Mapping[str, Any], smoothing: float) -> Tensor:
        logits = logits_of(outputs)
        logits = logits.reshape(len(logits), -1)
        labels = labels_of(batch).to(logits)
        if labels.numel() != logits.numel():
            raise BadInput(
                f"the labels have shape {tuple(labels.shape)} and the model's outputs {tuple(logits.shape)}: this kind of "
                "loss needs a label for each output"
            )
        return loss(logits, labels.reshape(logits.shape), reduction="none").mean(1, keepdim=True)

    return sums


def _shifted_sums(outputs: Any, batch: Mapping[str, Any], smoothing: float) -> Tensor:
    return _entropies(logits_of(outputs)[:, :-1], labels_of(batch)[:, 1:], smoothing)


def _positions(batch: Mapping[str, Any], length: int) -> list[Tensor]:
    """Start and end of each answer, (B,) each; `length` where it lies outside of the text, which does not count."""
    return [batch[name].reshape(-1).clamp(0, length) for name in ("start_positions", "end_positions")]


def _span_items(batch: Mapping[str, Any]) -> Tensor:
    length = next(t.shape[1] for name, t in batch.items() if name in ("input_ids", "inputs_embeds"))
    return _columns(*((p < length).long() for p in _positions(batch, length)))


def _span_sums(outputs: Any, batch: Mapping[str, Any], smoothing: float) -> Tensor:
    both = outputs["start_logits"], outputs["end_logits"]
    length = both[0].shape[1]
    found = zip(both, _positions(batch, length), strict=True)
    return _columns(*(F.cross_entropy(x, p.to(x.device), reduction="none", ignore_index=length) for x, p in found))


TOKENS = Kind(
    "a label a token",
    lambda batch: _labels_that_count(labels_of(batch)),
    lambda outputs, batch, smoothing: _entropies(logits_of(outputs), labels_of(batch), smoothing),
)
CAUSAL = Kind("the next token", lambda batch: _labels_that_count(labels_of(batch)[:, 1:]), _shifted_sums)
SPANS = Kind("answers in a text", _span_items, _span_sums, of_labels=False)
_BY_PROBLEM = {
    ONE_LABEL: TOKENS,
    SEVERAL_LABELS: Kind("several labels", _one_each, _pointwise(F.binary_cross_entropy_with_logits), of_labels=False),
    NUMBERS: Kind("numbers", _one_each, _pointwise(F.mse_loss), of_labels=False),
}
