"""Run the parts of the torture and count what went wrong.

    python -m benchmarks.torture                                    # all parts, in full
    python -m benchmarks.torture --parts models tables --scale 0.1  # two of them, a tenth of the tries
    python -m benchmarks.torture --parts models --seed 17 --output /tmp/torture.json

Writes docs/results/torture.json: what was run now in the place of the same parts from earlier. Exits with 1 if anything was
wrong.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.results import installed
from benchmarks.torture.parts import COUNTS, built, failures, run_of
from reweigh.storage import write_bytes

OUTPUT = Path("docs/results/torture.json")
PACKAGES = ("reweigh", "torch", "numpy", "pyarrow", "polars", "pillow")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 1 if anything was wrong, else 0."""
    options = parse(arguments)
    wrong = 0
    for part in options.parts:
        if not built(part):
            print(f"{part}: not built")
            continue
        row = measured(part, options.seed, max(1, round(COUNTS[part] * options.scale)))
        add(options.output, part, row)  # after every part, so that an interrupted run leaves what it has
        wrong += len(row["failures"])
        print(f"{part}: {row['tried']} tried, {len(row['failures'])} wrong, {row['seconds']} s", flush=True)
        for failure in row["failures"][: options.show]:
            print(f"  {failure}")
    return int(wrong > 0)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torture", description="Random inputs; counts of what must never happen."
    )
    parser.add_argument(
        "--parts", nargs="+", choices=COUNTS, default=list(COUNTS), metavar="PART", help=", ".join(COUNTS)
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first try (default 0)")
    parser.add_argument("--scale", type=float, default=1.0, help="times the usual number of tries (default 1)")
    parser.add_argument("--show", type=int, default=5, help="so many failures of each part are printed (default 5)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help=f"the JSON file (default {OUTPUT})")
    options = parser.parse_args(arguments)
    if not 0 < options.scale < float("inf"):
        parser.error("--scale must be a positive number")
    return options


def measured(part: str, seed: int, count: int) -> dict[str, Any]:
    """One part: seed, count, totals, failures, and the circumstances."""
    print(f"{part}: {count} from seed {seed} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    result = run_of(part)(seed, count)
    totals = {key: value for key, value in result.items() if key not in ("wrong", "lost")}
    return {
        "seed": seed,
        "count": count,
        **totals,
        "failures": failures(result),
        "seconds": round(time.monotonic() - began, 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": platform.python_version(),
        "packages": {name: installed(name) for name in PACKAGES},
    }


def add(path: Path, part: str, row: dict[str, Any]) -> None:
    """Put the part's row in the place of an earlier one; the file appears whole, its parts in their usual order."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[part] = row
    ordered = {name: known[name] for name in COUNTS if name in known}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, (json.dumps(ordered, indent=1, ensure_ascii=False) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
