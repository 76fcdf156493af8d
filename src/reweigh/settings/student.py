"""The model that is trained, and how: its length, optimizer, learning rate and randomness."""

import math
from dataclasses import dataclass
from typing import ClassVar

from reweigh.errors import BadInput
from reweigh.models import MODELS
from reweigh.options import LeftOpen, check, option
from reweigh.settings.schedule import SCHEDULES

OPTIMIZERS = ("sgd", "adam", "adamw", "reversible-sgd")
AUGMENTATIONS = ("none", "crop", "crop-flip")
_MODEL = "{}, hf:NAME_OR_FOLDER (Hugging Face, for texts, pairs of them and images) or module:function (your own)."
_ELSEWHERE = ("hf:NAME", "module:function")
_SCHEDULE = "Learning rate over time: {} (step divides by 10 at 1/2 and at 3/4 of the way)."
_SMOOTHING = "How much of each token is left to all others, of sequences."
_ACCUMULATE = (
    "One step for as many batches of sequences as have so many target tokens; weighed as one batch of them all."
)
_AVERAGE = "The model is the mean of its parameters after so many last epochs."
_PATIENCE = "End after so many epochs without a lower loss on held-back checked examples; the best model comes out."


@dataclass(frozen=True, kw_only=True)
class StudentSettings:
    """The model and its training; None is the usual, of `patience` that training goes on to its end, and of
    `average` that the last epoch's model comes out."""

    title: ClassVar[str] = "The student"

    model: str | None = option(None, _MODEL, usual="the usual for the data", choices=MODELS, elsewhere=_ELSEWHERE)
    epochs: int | None = option(
        None, "How often to go through the data.", usual="20; by their size for your own", known=20, least=1
    )
    steps: int | None = option(None, "Or instead: how many steps to make.", least=1)
    batch_size: int | None = option(None, "Examples in each step.", known=100, own=128, least=1)
    accumulate_tokens: int | None = option(None, _ACCUMULATE, least=1)
    optimizer: str | None = option(None, "One of {}.", known="sgd", own="adam", choices=OPTIMIZERS)
    lr: float | None = option(None, "Learning rate.", usual="0.01 for sgd, 0.001 for adam and adamw")
    momentum: float = option(0.9, "Momentum; for adam its first beta.")
    weight_decay: float | None = option(None, "Weight decay.", known=0.0, own=0.0, least=0.0)
    schedule: str | None = option(None, _SCHEDULE, known="step", own="cosine", choices=SCHEDULES)
    lr_warm_up: int | None = option(
        None, "Steps in which the learning rate rises.", usual="0; 100 for pairs of texts", known=0, own=0, least=0
    )
    label_smoothing: float | None = option(
        None, _SMOOTHING, usual="0; 0.1 for pairs of texts", known=0.0, own=0.0, least=0.0, most=0.9
    )
    augment: str | None = option(None, "Random crops and flips: {}.", known="none", own="none", choices=AUGMENTATIONS)
    average: int | None = option(None, _AVERAGE, least=2)
    patience: int | None = option(None, _PATIENCE, least=1)
    seed: int = option(0, "All randomness comes from it.", least=0)

    def __post_init__(self) -> None:
        check(self)
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise BadInput(f"lr is {self.lr}: give a learning rate above 0, such as 0.01")
        if not 0 <= self.momentum < 1:
            raise BadInput(f"momentum is {self.momentum}: give a number from 0 to below 1, such as 0.9")
        if self.epochs is not None and self.steps is not None:
            raise BadInput("both epochs and steps are given: the length of a run is set by one of them")
        if self.average is not None and self.patience is not None:
            raise BadInput("average is the mean of the last epochs and patience the best of all: leave out one of them")


@dataclass(frozen=True, kw_only=True)
class ResolvedStudent(StudentSettings):
    """The same with nothing left open: one of `epochs` and `steps` says how long it trains."""

    model: str
    batch_size: int
    optimizer: str
    lr: float
    weight_decay: float
    schedule: str
    lr_warm_up: int
    label_smoothing: float
    augment: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs is None and self.steps is None:
            raise LeftOpen("epochs")

    def steps_in_all(self, an_epoch: int) -> int:
        """Steps of the whole run, of so many an epoch."""
        return self.steps or (self.epochs or 0) * an_epoch
