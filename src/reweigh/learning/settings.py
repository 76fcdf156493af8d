"""How a rule learns: from the student's recorded steps, a clean batch and a step of the rule's own optimizer.

real           the student's own step is the look-ahead: nothing is computed twice, and the rule's new parameters count
               from the next batch on
virtual        before each step the same step is taken virtually; the rule learns from it, and weighs the batch again
virtual-sgd    likewise, and the virtual step is plain SGD's with the same learning rate, as Shu et al. 2019 publish it
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor
from torch.optim import Adam, Optimizer

from reweigh.errors import BadInput

LOOK_AHEADS = ("real", "virtual", "virtual-sgd")
MEMORIES = ("snapshots", "reverse")


@dataclass(frozen=True)
class Learning:
    """The settings by which a rule learns.

    Attributes:
        lr, weight_decay: of the rule's optimizer, Adam.
        optimizer: makes another one from the rule's parameters.
        horizon: K, through how many of the student's steps the clean loss is differentiated.
        every: learn after so many steps; default K, so that each step counts once.
        look_ahead: "real", "virtual" or "virtual-sgd"; the virtual ones need K = 1.
        memory: "snapshots" keeps K sets of parameters; "reverse" steps back exactly and needs `ReversibleSGD`.

    Raises:
        BadInput: naming the setting that cannot be used.
    """

    lr: float = 1e-3
    weight_decay: float = 1e-4
    optimizer: Callable[[Iterable[Tensor]], Optimizer] | None = None
    horizon: int = 1
    every: int | None = None
    look_ahead: str = "real"
    memory: str = "snapshots"

    def __post_init__(self) -> None:
        if self.look_ahead not in LOOK_AHEADS:
            raise BadInput(f"look_ahead={self.look_ahead!r} is not known: choose one of {', '.join(LOOK_AHEADS)}")
        if self.memory not in MEMORIES:
            raise BadInput(f"memory={self.memory!r} is not known: choose one of {', '.join(MEMORIES)}")
        if self.horizon < 1 or (self.every is not None and self.every < 1):
            raise BadInput(
                f"horizon is {self.horizon} and every is {self.every}: both are numbers of steps, at least 1"
            )
        if self.horizon > 1 and self.look_ahead != "real":
            raise BadInput(
                f"a virtual step looks one step ahead: use look_ahead='real' for a horizon of {self.horizon}"
            )
        if not self.lr > 0:
            raise BadInput(f"the rule's learning rate is {self.lr}: give a number above 0, such as 1e-3")

    def make(self, parameters: Iterable[Tensor]) -> Optimizer:
        """The rule's optimizer."""
        if self.optimizer is not None:
            return self.optimizer(parameters)
        return Adam(parameters, lr=self.lr, weight_decay=self.weight_decay)
