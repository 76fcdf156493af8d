"""The mean of a model's parameters after each of its last epochs, which comes out in the place of the last ones.

A mean of checkpoints is as good as several models asked together, at the price of one (Junczys-Dowmunt et al., 2016, for
translation; Izmailov et al., 2018, as stochastic weight averaging).
"""

from typing import Any

from torch import nn
from torch.optim.swa_utils import AveragedModel

from reweigh.batches import BATCH_NORMS
from reweigh.errors import BadInput
from reweigh.run.callbacks import Callback


class Averaging(Callback):
    """Takes the mean at the end of each of the last `count` of `epochs`, and hands it to the model at the end.

    Raises:
        BadInput: if the model has batch normalisation, whose statistics belong to the parameters of one moment.
    """

    def __init__(self, model: nn.Module, epochs: int, count: int) -> None:
        if any(isinstance(part, BATCH_NORMS) for part in model.modules()):
            raise BadInput(
                "the mean of parameters has no statistics for batch normalisation, which the model has: leave --average "
                "out, or take a model without it"
            )
        self._model, self._mean, self._first = model, AveragedModel(model), max(1, epochs - count + 1)

    @property
    def model(self) -> nn.Module:
        """The model that would come out now: the mean, or before its first epoch the model itself."""
        return self._mean.module if int(self._mean.n_averaged) else self._model

    def on_epoch(self, line: dict[str, Any]) -> None:
        """Add what the epoch led to."""
        if line["epoch"] >= self._first:
            self._mean.update_parameters(self._model)

    def on_end(self) -> None:
        """The model is the mean."""
        self._model.load_state_dict(self.model.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """All that a resume needs."""
        return self._mean.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        self._mean.load_state_dict(state)
