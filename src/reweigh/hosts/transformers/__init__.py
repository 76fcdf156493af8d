"""The Hugging Face Trainer with weights, and losses for its usual models."""

from reweigh.errors import require

require("transformers", "transformers")

from reweigh.hosts.transformers.losses import (  # noqa: E402
    causal_lm_loss,
    causal_lm_token_loss,
    classification_loss,
    token_classification_loss,
)
from reweigh.hosts.transformers.trainer import ReweighTrainer  # noqa: E402

__all__ = [
    "ReweighTrainer",
    "causal_lm_loss",
    "causal_lm_token_loss",
    "classification_loss",
    "token_classification_loss",
]
