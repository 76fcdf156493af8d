"""The parts of the torture and how many tries each is given; a part that is not there yet is said as such."""

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

COUNTS = {
    "models": 300,
    "interrupts": 2000,
    "run_folders": 400,
    "malicious": 100,
    "tables": 300,
    "parquet_files": 200,
    "image_files": 150,
    "npz_files": 100,
    "kills": 60,
}
"""In the order in which they run; `--scale` multiplies."""

Run = Callable[[int, int], dict[str, Any]]


def built(part: str) -> bool:
    """Whether the part's module is there."""
    return importlib.util.find_spec(f"{__package__}.{part}") is not None


def run_of(part: str) -> Run:
    """The part's `run(seed, count)`."""
    run: Run = importlib.import_module(f"{__package__}.{part}").run
    return run


def failures(result: dict[str, Any]) -> list[Any]:
    """What a part found wrong or lost: a list each, or nothing."""
    return [*result.get("wrong", ()), *result.get("lost", ())]
