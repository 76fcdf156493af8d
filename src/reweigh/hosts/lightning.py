"""Lightning: a mixin for a LightningModule, with automatic or manual optimisation.

    class Student(Reweighed, LightningModule):
        def per_example_loss(self, batch): ...                      # (B,)
        def configure_reweigher(self): return Reweigher(self, Student.per_example_loss, rule=L2RW(), clean=clean_set)
        def training_step(self, batch, batch_idx): return self.weighted_loss(batch)

Lightning scales the loss for gradient accumulation and precision; the Reweigher's state goes into Lightning's checkpoints.
The passes that weights take happen inside `training_step`, so under its autocast; what they log is dropped, and Lightning's
hooks see training batches only.
"""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from reweigh._types import Batch
from reweigh.errors import BadInput
from reweigh.hosts.uneven import refuse_uneven
from reweigh.reweigher import Reweigher
from reweigh.rules import LearnedRule

_OF_BATCHES = ("on_before_batch_transfer", "on_after_batch_transfer", "transfer_batch_to_device")
"""Hooks by which users change training batches."""


class Reweighed:
    """To stand before `LightningModule` among the bases; a hook that you override too must call `super()`."""

    _reweigher: Reweigher | None = None
    _saved: dict[str, Any] | None = None
    _steps_seen = 0
    _looking = False

    def per_example_loss(self, batch: Batch) -> Tensor:
        """The losses of a batch, (B,)."""
        raise NotImplementedError("define per_example_loss(self, batch), which returns one loss an example")

    def configure_reweigher(self) -> Reweigher:
        """The Reweigher of this module; called once a fit, at the first batch, when `self.optimizers()` is there too."""
        raise NotImplementedError("define configure_reweigher(self), which returns a Reweigher of this module")

    def prepare_clean_batch(self, batch: Batch) -> Batch:
        """A clean batch on the module's device and in its precision.

        Override it, calling `super()`, where your hooks do more than that to training batches.
        """
        trainer: Any = self.trainer  # type: ignore[attr-defined]
        to_device = next(vars(base)[_OF_BATCHES[2]] for base in type(self).__mro__ if base.__name__ == "DataHooks")
        return to_device(self, trainer.precision_plugin.convert_input(batch), self.device, 0)  # type: ignore[attr-defined]

    @property
    def reweigher(self) -> Reweigher:
        """The Reweigher, made where it was not yet, and set to where the checkpoint left off."""
        if self._reweigher is None:
            self._reweigher = self._made()
        if self._saved is not None:
            self._reweigher.load_state_dict(self._saved)
            self._saved = None
        return self._reweigher

    def weighted_loss(self, batch: Batch) -> Tensor:
        """Σ w_i ℓ_i of a batch, shape (), for `training_step` to return."""
        reweigher = self.reweigher
        with self._without_logging():
            weights = reweigher.weigh(batch)
        return (weights * self.per_example_loss(batch)).sum()

    def log(self, *args: Any, **named: Any) -> None:
        """As Lightning's, but what the passes log that weights take would be counted as further batches."""
        if not self._looking:
            super().log(*args, **named)  # type: ignore[misc]

    def on_fit_start(self) -> None:
        """A new fit has new optimizers: the Reweigher is made anew, and goes on where it was."""
        super().on_fit_start()  # type: ignore[misc]
        if self._reweigher is not None:
            if self._saved is None:
                self._saved = self._reweigher.state_dict()
            self._reweigher = None

    def on_train_start(self) -> None:
        """Processes with unevenly many batches would wait for each other for ever: all of them are told."""
        super().on_train_start()  # type: ignore[misc]
        batches = self.trainer.num_training_batches  # type: ignore[attr-defined]
        refuse_uneven(batches, "leave use_distributed_sampler=True, or give every process as many")

    def on_after_backward(self) -> None:
        """Let a rule that learns see the gradient before it is clipped."""
        super().on_after_backward()  # type: ignore[misc]
        if self._reweigher is not None:
            self._reweigher.after_backward()

    def on_train_batch_end(self, *args: Any, **named: Any) -> None:
        """Let a rule that learns do so, where the optimizer has made its step."""
        super().on_train_batch_end(*args, **named)  # type: ignore[misc]
        steps: int = self.global_step  # type: ignore[attr-defined]
        if steps != self._steps_seen:
            self._steps_seen = steps
            reweigher = self.reweigher
            precision: Any = self.trainer.precision_plugin  # type: ignore[attr-defined]
            with self._without_logging(), precision.forward_context():
                reweigher.after_step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the Reweigher's state into the checkpoint."""
        super().on_save_checkpoint(checkpoint)  # type: ignore[misc]
        checkpoint["reweigher"] = self.reweigher.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state for the first batch, since the optimizer is not there yet."""
        super().on_load_checkpoint(checkpoint)  # type: ignore[misc]
        self._saved = checkpoint.get("reweigher")
        self._steps_seen = checkpoint.get("global_step", 0)

    @contextlib.contextmanager
    def _without_logging(self) -> Iterator[None]:
        self._looking = True
        try:
            yield
        finally:
            self._looking = False

    def _made(self) -> Reweigher:
        trainer: Any = getattr(self, "_trainer", None)
        if trainer is None:
            raise BadInput(
                "there is no Reweigher, since no fit is under way: strategy='ddp_spawn' brings back the parameters alone, "
                "so save checkpoints during the fit (ModelCheckpoint), or train with strategy='ddp'"
            )
        several = len(trainer.optimizers) > 1
        try:
            reweigher = self.configure_reweigher()
        except AttributeError as error:
            if several and "optimizer" in str(error):
                raise BadInput(_SEVERAL) from error
            raise
        if isinstance(reweigher.rule, LearnedRule):
            if several:
                raise BadInput(_SEVERAL)
            if getattr(trainer.precision_plugin, "scaler", None) is not None:
                raise BadInput(
                    f"precision='16-mixed' leaves out steps whose gradients overflow, and the {reweigher.rule.name} rule "
                    "learns from each step: train with precision='bf16-mixed'"
                )
        self._tell_of_hooks(trainer)
        reweigher.prepare_clean(self.prepare_clean_batch)
        return reweigher

    def _tell_of_hooks(self, trainer: Any) -> None:
        """Say it where hooks change training batches, since clean batches do not go through them."""
        if type(self).prepare_clean_batch is not Reweighed.prepare_clean_batch:
            return
        for owner in (self, trainer.datamodule):
            for name in _OF_BATCHES if owner is not None else ():
                if not getattr(type(owner), name).__module__.startswith(("lightning", "pytorch_lightning")):
                    warnings.warn(
                        f"{type(owner).__name__}.{name} changes training batches, and clean batches do not go through it: "
                        "do the same to them in prepare_clean_batch(self, batch)",
                        stacklevel=5,
                    )


_SEVERAL = (
    "the module has several optimizers, and a rule that learns looks at the steps of one that trains all of it: use one "
    "optimizer, with parameter groups, or a rule that does not learn, such as L2RW()"
)
