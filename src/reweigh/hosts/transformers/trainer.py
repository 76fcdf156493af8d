"""Hugging Face Trainer: `ReweighTrainer` is a Trainer with a clean set.

The weights are taken before the Trainer's own forward pass, so autocast, gradient accumulation and clipping stay the
Trainer's. It divides the loss by the number of accumulated batches only where it believes that the loss was not scaled for
that, hence `model_accepts_loss_kwargs = False`. The Reweigher's state lies in each checkpoint beside the generators'.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback

from reweigh._types import PerExampleLoss
from reweigh.hosts.transformers.losses import classification_loss
from reweigh.reweigher import Reweigher
from reweigh.rules import LearnedRule, Rule


class ReweighTrainer(Trainer):  # type: ignore[misc]
    """A Trainer that takes `rule=`, `clean=` (batches or a dict of tensors), `per_example_loss=`, and `reweigh=`.

    `reweigh` holds further arguments of `Reweigher`; rules that learn are given the Trainer's optimizer.
    """

    def __init__(
        self,
        *args: Any,
        rule: Rule,
        clean: Any,
        per_example_loss: PerExampleLoss = classification_loss,
        reweigh: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*args, **named)
        self.model_accepts_loss_kwargs = False
        self._per_example_loss = per_example_loss
        self._settings = {"rule": rule, "clean": clean, "clean_loss": self._clean_loss, **(reweigh or {})}
        self.add_callback(_AfterStep(self))

    @cached_property
    def reweigher(self) -> Reweigher:
        """Made at the first batch, when the optimizer is there."""
        if isinstance(self._settings["rule"], LearnedRule):
            self._settings["optimizer"] = getattr(self.optimizer, "optimizer", self.optimizer)  # Accelerate wraps it
        return Reweigher(self.model, self._per_example_loss, **self._settings)

    def compute_loss(self, model: nn.Module, inputs: Any, return_outputs: bool = False, **named: Any) -> Any:
        """Σ w_i ℓ_i while training, shape (); in evaluation the Trainer's own loss."""
        if return_outputs or not model.training:
            return super().compute_loss(model, inputs, return_outputs=return_outputs, **named)
        weights = self.reweigher.weigh(inputs)
        return (weights * self._per_example_loss(model, inputs)).sum()

    def _clean_loss(self, model: nn.Module, batch: Any) -> Tensor:
        """The clean batch is brought to the model's device, as the Trainer does with its own."""
        return self._per_example_loss(model, self._prepare_inputs(batch))

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        torch.save(self.reweigher.state_dict(), self._place(output_dir))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None and self._place(checkpoint).exists():
            self.reweigher.load_state_dict(torch.load(self._place(checkpoint), weights_only=True))
        super()._load_rng_state(checkpoint)  # last, since making things may draw

    def _place(self, folder: str) -> Path:
        return Path(folder) / f"reweigher_{self.args.process_index}.pt"


class _AfterStep(TrainerCallback):  # type: ignore[misc]
    def __init__(self, trainer: ReweighTrainer) -> None:
        self._trainer = trainer

    def on_optimizer_step(self, *args: Any, **named: Any) -> None:
        self._trainer.reweigher.after_step()
