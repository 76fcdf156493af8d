"""The Trainer's own loss, one an example: with weights of 1/B their sum is what the plain Trainer descends.

    ℓ_i = B · (sum over the example's items) / (items of a batch, on average over the batches that are accumulated)

So a sequence counts by its tokens, as in the Trainer. The number of items is not an example's own: it comes with the batch,
as a column of factors, such that a part of a batch has the losses that it has within the whole. Where several processes
train together their batches are parts of one: B and the items are averages over them.

That a model descends what its kind does is not believed but checked: at training batches 1, 2, 4, 8, ... the mean of
the losses is held against the loss that the Trainer computes itself.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from reweigh import distributed
from reweigh.errors import BadInput
from reweigh.hosts.transformers.kinds import Kind, kind_of, labels_of, settle_problem
from reweigh.hosts.transformers.losses import outputs_of, reads_labels
from reweigh.student import preserve_module_state, unwrap

if TYPE_CHECKING:
    from reweigh.hosts.transformers.trainer import ReweighTrainer

_FACTORS = "reweigh_factors"
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-4}
_COARSE = 3e-2
"""How far the losses may be from the model's own where it computes in half precision."""


class OwnLoss:
    """`(model, batch) -> (B,)`, for a Trainer whose label smoothing and `compute_loss_func` it follows."""

    def __init__(self, trainer: "ReweighTrainer") -> None:
        self._trainer = trainer
        self._batches = 0

    def __call__(self, model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
        """The losses of a batch, by its factors where it has them, otherwise averaged over its own items alone."""
        factors = batch.get(_FACTORS)
        batch = {name: value for name, value in batch.items() if name != _FACTORS}
        outputs = outputs_of(model, batch)
        if self._trainer.compute_loss_func is not None:
            return self._by_function(outputs, batch)
        kind = kind_of(unwrap(model), batch)
        sums = kind.sums(outputs, batch, self._smoothing(kind))
        if factors is None:
            items = kind.items(batch)
            factors = _factors(items, len(items), items.sum(0))
        return (sums * factors.to(sums)).sum(1)

    def prepared(self, batch: dict[str, Any], items: Tensor | int | None) -> dict[str, Any]:
        """The batch with its factors; `items` is the Trainer's `num_items_in_batch`, of all batches that are accumulated.

        All ranks must call.

        Raises:
            BadInput: if the batch of one of them has no labels, on all of them.
        """
        trainer, device = self._trainer, self._trainer.args.device
        if trainer.compute_loss_func is not None:
            return batch
        with distributed.together(device):
            kind = kind_of(unwrap(trainer.model), batch)
            settle_problem(unwrap(trainer.model), batch)
            own = kind.items(batch)
        batches = 1
        if items is None or not kind.of_labels:
            all_items = own.sum(0)
            all_items = distributed.summed(all_items) if self._processes > 1 else all_items
        else:  # the Trainer has counted them on all processes
            all_items, batches = torch.as_tensor(items).reshape(-1)[:1], trainer.current_gradient_accumulation_steps
        rows = distributed.size_of_batch(len(own), device)
        return {**batch, _FACTORS: _factors(own, rows * batches * self._processes, all_items)}

    @property
    def _processes(self) -> int:
        """Over how many processes a token's share of the loss is averaged."""
        return int(self._trainer.accelerator.num_processes) if self._trainer.args.average_tokens_across_devices else 1

    def check(self, batch: dict[str, Any], items: Tensor | int | None) -> str:
        """Hold the losses of a batch, without factors, against the Trainer's own; what is to be told once, or nothing.

        Raises:
            BadInput: if they are not the same, on all ranks.
        """
        self._batches += 1
        if self._batches & (self._batches - 1):
            return ""
        with distributed.together(self._trainer.args.device):
            return self._checked(batch, items)

    def _checked(self, batch: dict[str, Any], items: Tensor | int | None) -> str:
        model = unwrap(self._trainer.model)
        if self._trainer.label_smoother is not None and reads_labels(model) and "decoder_input_ids" not in batch:
            raise BadInput(
                "label_smoothing_factor= keeps the labels from the model, so its decoder has no input: pass "
                "data_collator=DataCollatorForSeq2Seq(tokenizer, model=model), which makes decoder_input_ids"
            )
        with preserve_module_state(model), torch.no_grad():
            ours = self(model, batch).mean()
        with preserve_module_state(model), torch.no_grad():
            own = self._trainer.loss_of_the_trainer(model, batch, None).mean()
        if not _close(ours, own, model):
            raise BadInput(
                f"the examples' losses average to {float(ours):.6g}, but {type(model).__name__} itself computes "
                f"{float(own):.6g}: it descends something else than transformers' usual losses, so pass per_example_loss=, "
                "a function (model, batch) -> (B,)"
            )
        if items is None or self._trainer.current_gradient_accumulation_steps * self._processes == 1:
            return ""
        with preserve_module_state(model), torch.no_grad():
            by_items = self._trainer.loss_of_the_trainer(model, batch, items).mean() / self._processes
        # Many models take `num_items_in_batch` and do nothing with it; the plain Trainer believes them.
        return _IGNORES.format(name=type(model).__name__) if _close(by_items, own, model) else ""

    def _by_function(self, outputs: Any, batch: Mapping[str, Any]) -> Tensor:
        labels = labels_of(batch)
        losses = self._trainer.compute_loss_func(outputs, labels, num_items_in_batch=None)
        if not isinstance(losses, Tensor) or losses.shape != labels.shape[:1]:
            what = f"shape {tuple(losses.shape)}" if isinstance(losses, Tensor) else type(losses).__name__
            raise BadInput(
                f"compute_loss_func= returned {what} for {len(labels)} examples, and one number for all cannot be weighed: "
                "let it return one loss an example, (B,), or pass per_example_loss= instead"
            )
        return losses

    def _smoothing(self, kind: Kind) -> float:
        smoother = self._trainer.label_smoother
        if smoother is None or not kind.of_labels:
            return 0.0
        return float(smoother.epsilon)


def _factors(items: Tensor, rows: float, all_items: Tensor) -> Tensor:
    """What each of K sums is multiplied by, (B, K): so many rows have all these items, (K,) or (1,)."""
    n = all_items.to(items.device).clamp(min=1)
    return (rows / items.shape[1] / n).expand(items.shape).contiguous()


def _close(one: Tensor, other: Tensor, model: nn.Module) -> bool:
    half = any(torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")) or _autocasts(model)
    kind = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float32)
    tolerance = _COARSE if half else _TOLERANCE.get(kind, _COARSE)
    return bool((one - other).abs() <= tolerance * (1 + other.abs())) or not bool(torch.isfinite(other))


def _autocasts(model: nn.Module) -> bool:
    return hasattr(model, "_original_forward")  # Accelerate has put autocast around it


_IGNORES = (
    "{name} takes num_items_in_batch and does not use it, so the plain Trainer adds up the mean losses of the batches "
    "that it accumulates, and of its processes; ReweighTrainer averages them, so that the learning rate means the same for "
    "any number of either"
)
