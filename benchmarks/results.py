"""What was measured, as JSON: a list of rows, each with the task, the variant, and where and when it was taken.

A row that is measured again replaces the old one, so that a table can be completed, or a part of it renewed.
"""

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from reweigh.storage import write_bytes

Row = dict[str, Any]
PACKAGES = ("torch", "reweigh", "higher", "torchopt", "betty-ml")
KEY = ("task", "variant")


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file yet."""
    return list(json.loads(path.read_text())) if path.exists() else []


def add_rows(path: Path, rows: Iterable[Row]) -> None:
    """Put rows in the place of those with the same task and variant, or behind all others; the file appears whole."""
    known = {tuple(row[name] for name in KEY): row for row in read_rows(path)}
    known |= {tuple(row[name] for name in KEY): row for row in rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in known.values())
    write_bytes(path, f"[\n{lines}\n]\n".encode())


def circumstances(rounds: int, threads: int, device: str = "cpu") -> Row:
    """Where, when and with what a row was taken."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else processor()
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": name,
        "threads": threads,
        "rounds": rounds,
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in PACKAGES},
    }


def told(facts: Row) -> str:
    """The circumstances in a sentence."""
    packages = ", ".join(f"{name} {number}" for name, number in facts["packages"].items())
    return (
        f"Measured {facts['date']} on {facts['machine']}, {facts['threads']} threads, Python {facts['python']}, {packages}; "
        f"{facts['rounds']} interleaved rounds."
    )


def installed(package: str) -> str:
    """The installed version of a package, or "not installed"."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.partition(':')[2].strip()} ({os.cpu_count()} cores)"
    return platform.processor() or platform.machine()
