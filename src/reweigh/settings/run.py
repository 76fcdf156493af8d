"""How the work is done: where it is computed, and what is kept of it."""

from dataclasses import dataclass
from typing import ClassVar

from reweigh.capture import WAYS
from reweigh.options import check, option

PRECISIONS = ("fp32", "bf16", "fp16")
MOST_THREADS = 4096  # torch counts them in 32 bits and the system refuses long before


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """The run itself; None is the usual."""

    title: ClassVar[str] = "The run"

    checkpoint_every: int = option(1, "Save after so many epochs.", least=1)
    ledger: bool = option(True, "Keep each epoch's weights, which audit and report need.")
    device: str = option("auto", "auto (cuda, mps or else cpu), cpu, cuda, cuda:1 or mps.")
    precision: str = option("fp32", "Of the model's passes: {} (autocast).", choices=PRECISIONS)
    threads: int | None = option(None, "Processor threads.", usual="as torch chooses", least=1, most=MOST_THREADS)
    capture: str = option(
        "off", "Record a step's passes and make them again without Python, which pays where models are small: {}.",
        choices=WAYS,
    )  # fmt: skip
    workers: int = option(0, "Processes that read data ahead.", least=0)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ResolvedRun(RunSettings):
    """The same with nothing left open."""

    threads: int
