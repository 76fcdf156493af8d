"""Files that somebody made to do harm: no code of theirs runs, and each is read as what it says or refused in a sentence.

Whatever would run leaves a canary behind, a file that must not be there afterwards.
"""

import os
import random
import shutil
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.torture.strangers_data import (
    archive,
    huge_arrays,
    human,
    pickled_arrays,
    pickled_noise,
    pixels,
    teacher,
)
from benchmarks.torture.strangers_runs import (
    NAMES,
    bomb_checkpoint,
    config_with_code,
    expanded_checkpoint,
    links,
    make_run,
    model,
    names,
    pickled_checkpoint,
    tokenizer_elsewhere,
)
from reweigh.errors import ReweighError


def run(seed: int, count: int) -> dict[str, Any]:
    """Try `count` files; how many were refused in a sentence, read as what they are, or did something wrong."""
    draw, totals = random.Random(seed), {"tried": 0, "sentences": 0, "same": 0, "wrong": list[str]()}
    with tempfile.TemporaryDirectory() as place:
        top = Path(place)
        made = make_run(top / "made", NAMES[:2], draw)
        for number in range(count):
            kind, folder = KINDS[number % len(KINDS)], top / "try"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(made, folder)
            canary = top / "canary"
            verdict = _tried(lambda k=kind, f=folder, c=canary: k(f, c, draw))  # type: ignore[misc]
            totals["tried"] += 1
            if canary.exists() or "canary" in os.listdir(Path.cwd()):
                verdict = "code was run"
                canary.unlink(missing_ok=True)
            if verdict in totals:
                totals[verdict] += 1
            else:
                totals["wrong"].append(f"{number}, {kind.__name__.strip('_')}: {verdict}")
    return totals


def _tried(attempt: Callable[[], str]) -> str:
    try:
        return attempt()
    except ReweighError as refused:
        return "sentences" if "\n" not in str(refused) else "more than a sentence"
    except BaseException:  # whatever comes through is what we look for
        return traceback.format_exc(limit=-3)


KINDS = (
    names, config_with_code, tokenizer_elsewhere, pickled_checkpoint, bomb_checkpoint, expanded_checkpoint,
    pickled_arrays, huge_arrays, pickled_noise, teacher, model, archive, pixels, human, links,
)  # fmt: skip
