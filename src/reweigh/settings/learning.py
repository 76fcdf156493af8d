"""How a rule that has parameters of its own learns them."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from reweigh.errors import BadInput
from reweigh.learning import LOOK_AHEADS, MEMORIES
from reweigh.options import Option, check
from reweigh.rules import NORMALISATIONS, READS

TEACHER_OPTIMIZERS = ("sgd", "adam", "adamw")


@dataclass(frozen=True, kw_only=True)
class LearningSettings:
    """Of rules that learn. Nothing is open: without a `teacher` a new one learns, and `teacher_every` is the horizon."""

    title: ClassVar[str] = "Rules that learn"

    horizon: Annotated[int, Option("Learn through so many of the student's steps.", least=1)] = 1
    look_ahead: Annotated[
        str, Option("Learn from the real step, or from a virtual one before it: {}.", choices=LOOK_AHEADS)
    ] = "real"
    memory: Annotated[
        str, Option("For horizons: {} (the latter with --optimizer reversible-sgd).", choices=MEMORIES)
    ] = "snapshots"
    normalise: Annotated[
        str,
        Option("Weights of a batch sum to one, or are each divided by its size: {}.", choices=NORMALISATIONS),
    ] = "sum"
    teacher: Annotated[str | None, Option("Use a trained teacher.safetensors as it is, frozen.")] = None
    teacher_lr: Annotated[float, Option("The rule's learning rate.")] = 0.001
    teacher_optimizer: Annotated[str, Option("One of {}.", choices=TEACHER_OPTIMIZERS)] = "adam"
    teacher_every: Annotated[int | None, Option("Learn after so many steps.", usual="the horizon", least=1)] = None
    teacher_reads: Annotated[
        tuple[str, ...], Option(f"What the teacher is told, may be repeated: {', '.join(READS)}.", usual="all")
    ] = READS
    teacher_states: Annotated[
        tuple[str, ...] | None,
        Option("Internal states to read, such as 'layer3' or 'head:input', may be repeated.", usual="found"),
    ] = None

    def __post_init__(self) -> None:
        check(self)
        if not 0 < self.teacher_lr < math.inf:
            raise BadInput(f"teacher_lr is {self.teacher_lr}: give a learning rate above 0, such as 0.001")
        if not self.teacher_reads or set(self.teacher_reads) - set(READS):
            raise BadInput(f"teacher_reads is {self.teacher_reads}: give one or more of {', '.join(READS)}")
