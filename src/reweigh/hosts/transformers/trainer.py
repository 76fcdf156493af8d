"""Hugging Face Trainer: `ReweighTrainer` is a Trainer with a clean set.

The weights are taken before the Trainer's own forward pass, so autocast, gradient accumulation and clipping stay the
Trainer's. The Reweigher's state lies in each checkpoint beside the generators'.
"""

import copy
import math
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback
from transformers.trainer_utils import has_length

from reweigh import distributed
from reweigh._types import PerExampleLoss
from reweigh.errors import BadInput
from reweigh.hosts.transformers.clean_set import clean_source
from reweigh.hosts.transformers.ids import KeepsIds, id_columns
from reweigh.hosts.transformers.losses import without_ids
from reweigh.hosts.transformers.own_loss import OwnLoss
from reweigh.hosts.transformers.refusals import refuse_what_cannot_be_honoured
from reweigh.hosts.uneven import refuse_uneven
from reweigh.reweigher import Reweigher
from reweigh.rules import LearnedRule, Rule
from reweigh.student import unwrap
from reweigh.tokens import flat

_EVEN = "leave even_batches=False out of accelerator_config=, or set dataloader_drop_last=True"
_TRAINING = "Training"
"""What the Trainer calls the training set where it drops columns."""


class ReweighTrainer(Trainer):  # type: ignore[misc]
    """A Trainer that takes `rule=`, `clean=`, `per_example_loss=` and `reweigh=`.

    Args:
        rule: from what is seen of an example to its weight, such as `L2RW()`.
        clean: the clean set: a `datasets.Dataset`, another Dataset or a list of examples, which go through the Trainer's own
            collator; or a DataLoader or list of batches, or a dict of tensors.
        per_example_loss: `(model, batch) -> (B,)`; default: the Trainer's own loss, label smoothing included, such that
            weights of 1/B are plain training. It is checked against the loss that the model computes itself. For
            `reweigh={"per": "token"}` it returns losses of tokens and which of them count, (B, T): `causal_lm_token_loss`.
        reweigh: further arguments of `Reweigher`; rules that learn are given the Trainer's optimizer.

    Raises:
        BadInput: for an argument that cannot be honoured with weights, by its name.
    """

    data_collator: Any

    def __init__(
        self,
        *args: Any,
        rule: Rule,
        clean: Any,
        per_example_loss: PerExampleLoss | None = None,
        reweigh: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> None:
        super().__init__(*args, **named)
        self._per = (reweigh or {}).get("per", "example")
        refuse_what_cannot_be_honoured(self, per_example_loss, self._per)
        self._own = OwnLoss(self) if per_example_loss is None else None
        self._given_loss = per_example_loss
        self._rule, self._untrained_rule = rule, copy.deepcopy(rule)
        self._settings = {"clean": clean_source(clean, self), **(reweigh or {})}
        self._made: tuple[nn.Module, Any, Reweigher] | None = None
        self.add_callback(_AfterStep(self))

    @property
    def reweigher(self) -> Reweigher:
        """Made at the first batch, when the optimizer is there, and anew where `model_init` has made another model."""
        optimizer = getattr(self.optimizer, "optimizer", self.optimizer)  # Accelerate wraps it
        if self._made is None or self._made[0] is not self.model or self._made[1] is not optimizer:
            anew = self._made is not None and self._made[0] is not self.model
            rule = copy.deepcopy(self._untrained_rule) if anew else self._rule
            told = {"optimizer": optimizer} if isinstance(rule, LearnedRule) else {}
            made = Reweigher(self.model, self._losses, rule=rule, **{**told, **self._settings})
            made.prepare_clean(self._prepared_clean)
            self._made = self.model, optimizer, made
        return self._made[2]

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
        **named: Any,
    ) -> Any:
        """Σ w_i ℓ_i while training, shape (); in evaluation the Trainer's own loss."""
        if return_outputs or not model.training:
            inputs = without_ids(unwrap(self.model), inputs)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch, **named)
        batch = dict(inputs)
        if self._own is not None:
            told = self._own.check(batch, num_items_in_batch)
            if told and self.is_world_process_zero():
                warnings.warn(told, stacklevel=2)
            batch = self._own.prepared(batch, num_items_in_batch)
        weights = self.reweigher.weigh(batch)
        losses, counts = flat(self._losses(model, batch), self._per)
        loss = ((weights[counts] if self._per == "token" else weights) * losses).sum()
        if self._believes_it_is_whole(num_items_in_batch):
            loss = loss / self.current_gradient_accumulation_steps
        return loss

    def training_step(self, *args: Any, **named: Any) -> Tensor:
        """As the Trainer's; a rule that learns sees the gradient before it is clipped."""
        loss: Tensor = super().training_step(*args, **named)
        self.reweigher.after_backward()
        return loss

    def loss_of_the_trainer(self, model: nn.Module, inputs: dict[str, Any], items: Tensor | int | None) -> Tensor:
        """What a plain Trainer would descend at these inputs, or `(B,)` by a `compute_loss_func` of such losses."""
        inputs = dict(without_ids(unwrap(self.model), inputs))  # a copy: the Trainer takes the labels out
        loss: Tensor = super().compute_loss(model, inputs, num_items_in_batch=items)
        return loss

    def log(self, logs: dict[str, float], *args: Any, **named: Any) -> None:
        """What the Trainer logs, and of training batches what the latest one was like."""
        report = None if self._made is None else self._made[2].report
        if report is not None and "loss" in logs:
            found = {
                "clean_loss": report.clean_loss,
                "effective_sample_size": report.effective_sample_size,
                "zero_share": report.zero_share,
            }
            logs = {**logs, **{name: value for name, value in found.items() if math.isfinite(value)}}
        super().log(logs, *args, **named)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """As the Trainer's, with batches that say which examples they hold, so that a bad one can be named."""
        collator: Any = self.data_collator
        if hasattr(self.train_dataset, "remove_columns"):  # the columns of a datasets.Dataset are dropped elsewhere
            self.data_collator = KeepsIds(collator)
        try:
            loader: DataLoader[Any] = super().get_train_dataloader()
        finally:
            self.data_collator = collator
        refuse_uneven(len(loader) if has_length(loader) else None, _EVEN)
        return loader

    def _remove_unused_columns(self, dataset: Any, description: str | None = None) -> Any:
        left = super()._remove_unused_columns(dataset, description)
        ids = id_columns(dataset) if description == _TRAINING else []
        missing = [name for name in ids if name not in left.column_names]
        return dataset.select_columns([*left.column_names, *missing]) if missing else left

    def _get_collator_with_removed_columns(self, data_collator: Any, description: str | None = None) -> Any:
        made = super()._get_collator_with_removed_columns(data_collator, description)
        return KeepsIds(made) if description == _TRAINING and made is not data_collator else made

    def examples_and_collator(self, examples: Any, description: str) -> tuple[Any, Callable[[list[Any]], Any]]:
        """The examples without the columns that the Trainer drops, and the collator that makes batches of them."""
        if hasattr(examples, "column_names") and hasattr(examples, "remove_columns"):  # a datasets.Dataset
            return self._remove_unused_columns(examples, description), self.data_collator
        return examples, self._get_collator_with_removed_columns(self.data_collator, description)

    def _losses(self, model: nn.Module, batch: Any) -> Any:
        if self._own is not None:
            return self._own(model, batch)
        assert self._given_loss is not None  # one or the other
        kept = self.args.remove_unused_columns  # what the Trainer would have dropped is not for the user's loss
        return self._given_loss(model, without_ids(unwrap(self.model), batch) if kept else batch)

    def _prepared_clean(self, batch: Any) -> Any:
        """A clean batch on the model's device, as the Trainer brings its own there; its loss is normalised as theirs is."""
        there = self._prepare_inputs(batch)
        return there if self._own is None or "clean_loss" in self._settings else self._own.prepared(dict(there), None)

    def _believes_it_is_whole(self, items: Tensor | int | None) -> bool:
        """Whether the Trainer takes the loss for one of all accumulated batches, and so will not divide it."""
        if (told := getattr(self, "loss_is_scaled_for_ga", None)) is not None:
            return bool(told)
        return (self.model_accepts_loss_kwargs and items is not None) or self.compute_loss_func is not None

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        torch.save(self.reweigher.state_dict(), self._place(output_dir))

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None and (state := self._saved(checkpoint)) is not None:
            self.reweigher.load_state_dict(torch.load(state, weights_only=True))
        super()._load_rng_state(checkpoint)  # last, since making things may draw

    def _saved(self, checkpoint: str) -> Path | None:
        """Where this process's state lies, or that of the first one where there were fewer; None in a plain checkpoint."""
        places = (self._place(checkpoint), self._place(checkpoint, 0))
        place = next((place for place in places if place.exists()), None)
        there = distributed.everywhere(place is not None)
        if any(there) and not all(there):
            raise BadInput(
                f"{checkpoint} holds the weights' state for some of the processes only: copy reweigher_0.pt to each machine"
            )
        return place

    def _place(self, folder: str, process: int | None = None) -> Path:
        return Path(folder) / f"reweigher_{self.args.process_index if process is None else process}.pt"


class _AfterStep(TrainerCallback):  # type: ignore[misc]
    def __init__(self, trainer: ReweighTrainer) -> None:
        self._trainer = trainer

    def on_optimizer_step(self, *args: Any, **named: Any) -> None:
        self._trainer.reweigher.after_step()
