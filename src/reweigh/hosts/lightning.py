"""Lightning: a mixin for a LightningModule, with automatic optimisation.

    class Student(Reweighed, LightningModule):
        def per_example_loss(self, batch): ...                      # (B,)
        def configure_reweigher(self): return Reweigher(self, Student.per_example_loss, rule=L2RW(), clean=clean_set)
        def training_step(self, batch, batch_idx): return self.weighted_loss(batch)

Lightning scales the loss for gradient accumulation and precision; the Reweigher's state goes into Lightning's checkpoints.
"""

from typing import Any

from torch import Tensor

from reweigh._types import Batch
from reweigh.reweigher import Reweigher


class Reweighed:
    """To stand before `LightningModule` among the bases; a hook that you override too must call `super()`."""

    _reweigher: Reweigher | None = None
    _saved: dict[str, Any] | None = None
    _steps_seen = 0

    def per_example_loss(self, batch: Batch) -> Tensor:
        """The losses of a batch, (B,)."""
        raise NotImplementedError("define per_example_loss(self, batch), which returns one loss an example")

    def configure_reweigher(self) -> Reweigher:
        """The Reweigher of this module; called once, at the first batch, when `self.optimizers()` is there too."""
        raise NotImplementedError("define configure_reweigher(self), which returns a Reweigher of this module")

    @property
    def reweigher(self) -> Reweigher:
        """The Reweigher, made where it was not yet, and set to where the checkpoint left off."""
        if self._reweigher is None:
            self._reweigher = self.configure_reweigher()
        if self._saved is not None:
            self._reweigher.load_state_dict(self._saved)
            self._saved = None
        return self._reweigher

    def weighted_loss(self, batch: Batch) -> Tensor:
        """Σ w_i ℓ_i of a batch, shape (), for `training_step` to return."""
        weights = self.reweigher.weigh(batch)
        return (weights * self.per_example_loss(batch)).sum()

    def on_train_batch_end(self, *args: Any, **named: Any) -> None:
        """Let a rule that learns do so, where the optimizer has made its step."""
        super().on_train_batch_end(*args, **named)  # type: ignore[misc]
        steps: int = self.global_step  # type: ignore[attr-defined]
        if steps != self._steps_seen:
            self._steps_seen = steps
            self.reweigher.after_step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Put the Reweigher's state into the checkpoint."""
        super().on_save_checkpoint(checkpoint)  # type: ignore[misc]
        checkpoint["reweigher"] = self.reweigher.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the state for the first batch, since the optimizer is not there yet."""
        super().on_load_checkpoint(checkpoint)  # type: ignore[misc]
        self._saved = checkpoint.get("reweigher")
        self._steps_seen = checkpoint.get("global_step", 0)
