"""Kills of one of two processes that torchrun has started, at random moments: a run goes on to the same bits.

Each run is that of one command. Once it is left alone; then, so many times, one of its processes is killed (SIGKILL) at a
moment drawn from the time that the command took, and torchrun starts both again. Where the kill came too late the run is
made once more, with an earlier one.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OPTIONS = ("--dataset", "digits", "--model", "mlp", "--rule", "l2rw", "--noise", "uniform:0.4", "--clean-per-class", "5",
           "--epochs", "6", "--seed", "0", "--threads", "1", "--quick")  # fmt: skip
SAME = ("model.safetensors", "weights.parquet")
_LONGEST = 600
_PAUSE = 0.05


def run(seed: int, count: int, options: Sequence[str] = OPTIONS) -> dict[str, Any]:
    """So many kills: {"tried", "kept", "lost"}; what was lost says when the kill came, and what differs."""
    draw, total = random.Random(seed), {"tried": 0, "kept": 0, "lost": []}
    with tempfile.TemporaryDirectory() as name:
        whole, began = Path(name) / "whole", time.monotonic()
        if (code := begun(whole, options).wait(_LONGEST)) != 0:
            raise RuntimeError(f"the run that nobody disturbs ended with {code}")
        lasted, turn = time.monotonic() - began, 0
        while total["tried"] < count:
            folder, turn = Path(name) / str(turn), turn + 1
            moment = draw.uniform(0.1, 1) * lasted
            lost = disturbed(folder, options, moment, draw)
            if lost is None:
                lasted *= 0.98  # it was too late
                continue
            lost = lost or differing(folder, whole)
            total["tried"] += 1
            total["kept"] += not lost
            if lost:
                total["lost"].append(f"killed after {moment:.1f} s: {lost}")
    return total


def begun(folder: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    """Two processes that make a run in the folder, and start again when one of them fails."""
    torchrun = (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--max-restarts",
        "3",
    )
    command = [*torchrun, "-m", "reweigh", "train", *options, "--output", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True, **quiet)


def disturbed(folder: Path, options: Sequence[str], moment: float, draw: random.Random) -> str | None:
    """Kill one of the processes so many seconds after the beginning; what went wrong, "" for nothing, None if too late."""
    process, end = begun(folder, options), time.monotonic() + moment
    while (time.monotonic() < end or not workers(process.pid)) and process.poll() is None:
        time.sleep(_PAUSE)
    there = workers(process.pid)
    if process.poll() is not None or not there or (folder / "summary.json").exists():
        process.wait(_LONGEST)
        return None
    os.kill(draw.choice(there), signal.SIGKILL)
    try:
        code = process.wait(_LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return "it did not end"
    return "" if code == 0 else f"it ended with {code}"


def workers(parent: int) -> list[int]:
    """The processes that torchrun has started, in their order."""
    try:
        told = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [child for child in map(int, told.split()) if _is_ours(child)]


def _is_ours(process: int) -> bool:
    try:
        return b"reweigh" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def differing(folder: Path, whole: Path) -> str:
    """Which files are not those of the other run, to the byte."""
    names = [*SAME, *(path.relative_to(whole).as_posix() for path in sorted((whole / "ledger").iterdir()))]
    missing = [name for name in names if not (folder / name).exists()]
    other = [
        name for name in names if name not in missing and (folder / name).read_bytes() != (whole / name).read_bytes()
    ]
    return "; ".join([*(f"{name} is missing" for name in missing), *(f"{name} differs" for name in other)])
