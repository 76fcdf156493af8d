"""One loss an example, for the usual models of transformers."""

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn


def classification_loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross entropy of each sequence's label, (B,), for `AutoModelForSequenceClassification` and the like."""
    logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits
    return F.cross_entropy(logits.float(), batch["labels"], reduction="none")


def causal_lm_loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Mean next-token cross entropy of each sequence, (B,), over the labels that are not -100."""
    logits = model(**{name: value for name, value in batch.items() if name != "labels"}).logits[:, :-1].float()
    labels = batch["labels"][:, 1:]
    losses = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=-100)
    return losses.sum(1) / (labels != -100).sum(1).clamp(min=1)
