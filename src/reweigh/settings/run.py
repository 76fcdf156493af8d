"""How the work is done: where it is computed, and what is kept of it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from reweigh.options import Option, check

PRECISIONS = ("fp32", "bf16")
MOST_THREADS = 4096  # torch counts them in 32 bits and the system refuses long before


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The run itself; None is the usual."""

    title: ClassVar[str] = "The run"

    checkpoint_every: Annotated[int, Option("Save after so many epochs.", least=1)] = 1
    ledger: Annotated[bool, Option("Do not keep each epoch's weights; audit and report need them.")] = True
    device: Annotated[str, Option("auto (cuda, mps or else cpu), cpu, cuda, cuda:1 or mps.")] = "auto"
    precision: Annotated[str, Option("Of the model's passes: {} (autocast).", choices=PRECISIONS)] = "fp32"
    threads: Annotated[
        int | None, Option("Processor threads.", usual="as torch chooses", least=1, most=MOST_THREADS)
    ] = None
    workers: Annotated[int, Option("Processes that read data ahead.", least=0)] = 0

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ResolvedRun(RunSettings):
    """The same with nothing left open."""

    threads: int
