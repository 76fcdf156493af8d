"""How a rule that has parameters of its own learns them."""

import math
from dataclasses import dataclass
from typing import ClassVar

from reweigh.errors import BadInput
from reweigh.learning import LOOK_AHEADS, MEMORIES
from reweigh.options import check, option
from reweigh.rules import NORMALISATIONS, READS

TEACHER_OPTIMIZERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True, kw_only=True)
class LearningSettings:
    """Of rules that learn. Nothing is open: without a `teacher` a new one learns, and `teacher_every` is the horizon."""

    title: ClassVar[str] = "Rules that learn"

    horizon: int = option(1, "Learn through so many of the student's steps.", least=1)
    look_ahead: str = option("real", "Learn from the real step or a virtual one before it: {}.", choices=LOOK_AHEADS)
    memory: str = option("snapshots", "For horizons: {} (with --optimizer reversible-sgd).", choices=MEMORIES)
    normalise: str = option(
        "sum", "Weights of a batch sum to one, or are each divided by its size: {}.", choices=NORMALISATIONS
    )
    teacher: str | None = option(None, "Use a trained teacher.safetensors as it is, frozen.")
    teacher_lr: float = option(0.001, "The rule's learning rate.")
    teacher_optimizer: str = option("adam", "One of {}.", choices=TEACHER_OPTIMIZERS)
    teacher_every: int | None = option(None, "Learn after so many steps.", usual="the horizon", least=1)
    teacher_reads: tuple[str, ...] = option(
        READS, f"What the teacher is told, may be repeated: {', '.join(READS)}.", usual="all"
    )
    teacher_states: tuple[str, ...] | None = option(
        None, "Internal states to read, such as 'layer3' or 'head:input', may be repeated.", usual="found"
    )

    def __post_init__(self) -> None:
        check(self)
        if not 0 < self.teacher_lr < math.inf:
            raise BadInput(f"teacher_lr is {self.teacher_lr}: give a learning rate above 0, such as 0.001")
        if not self.teacher_reads or set(self.teacher_reads) - set(READS):
            raise BadInput(f"teacher_reads is {self.teacher_reads}: give one or more of {', '.join(READS)}")
