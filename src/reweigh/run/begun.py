"""A run that was begun: what its folder says, whether it is what the user means, and whether it is sound."""

import os
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reweigh._version import __version__
from reweigh.errors import BadInput
from reweigh.ledger import Ledger
from reweigh.rules import registry
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.named_again import check_named_again
from reweigh.run.folder.own_files import check_unchanged
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.folder.stored import WITHOUT_DIGESTS, Stored, as_settled, differences, read_config
from reweigh.run.folder.summary import read_summary
from reweigh.run.together import restarted
from reweigh.run.watcher import SILENT, Watcher
from reweigh.settings import Settings
from reweigh.tasks import known_task


def is_there(folder: RunFolder) -> bool:
    """Whether there is a run.

    Raises:
        BadInput: if there is none.
    """
    if not (folder / files.CONFIG).exists():
        raise BadInput(f"there is no run to resume in {folder.path}: start one without --resume")
    return True


def what_is_begun(folder: RunFolder, given: Mapping[str, Any], watcher: Watcher) -> Stored | None:
    """What is to be gone on with, its settings those of `given`; None where nothing is left to do.

    Raises:
        BadInput: as `resume`.
    """
    stored = read_config(folder.path)
    config = as_settled(_same_settings(stored, given, watcher), folder / files.CONFIG)
    what = f"the run in {folder.path}"
    check_named_again(config.task, given.get("task"), what, "task", known_task)
    damaged = _damaged_results(folder, stored)
    if damaged is not None and not damaged:
        _check_rest(folder, stored)
        watcher.note(f"the run in {folder.path} is finished: nothing is left to do")
        return None
    for name in damaged or ():
        watcher.note(f"{folder / name} is damaged or missing: it is made again from the checkpoint")
    if stored.digests.run is None:
        watcher.note(f"the run in {folder.path} {WITHOUT_DIGESTS}")
    for option, name in (("model", config.student.model), ("rule", config.weights.rule)):
        check_named_again(name, given.get(option), what, option)
    check_unchanged(config, stored.data)
    if not os.path.lexists(folder / files.CHECKPOINT):
        if damaged:
            raise BadInput(
                f"{folder / files.CHECKPOINT} is missing, from which {damaged[0]} could be made again: put one of them "
                "back, or train again with --overwrite"
            )
        watcher.note(f"there is no checkpoint in {folder.path}: it starts from the beginning")
    return replace(stored, config=config)


def _damaged_results(folder: RunFolder, stored: Stored) -> list[str] | None:
    """The results that are not as the run wrote them; None where it is not finished, which is where it has no summary."""
    if not os.path.lexists(folder / files.SUMMARY):
        return None
    if stored.digests.run is None:
        return []
    return [name for name in files.RESULTS if name in stored.digests and not stored.digests.intact(folder / name)]


def _check_rest(folder: RunFolder, stored: Stored) -> None:
    """What a finished run would not be able to make again is as it was written."""
    summary = read_summary(folder / files.SUMMARY, stored.digests)
    files.read_lines(folder / files.METRICS, summary["epochs"], stored.digests)
    if stored.config.run.ledger:
        history = Ledger.read(folder / files.LEDGER, stored.digests)
        if sum(1 for _ in history) != summary["epochs"]:
            raise BadInput(
                f"the ledger in {history.path} has {history.epochs} epochs but the run has {summary['epochs']}: put the "
                "right one back, or train again with --overwrite"
            )
    checkpoint = folder / files.CHECKPOINT
    if os.path.lexists(checkpoint):  # who wants the disk's room back may take it away
        stored.digests.check(checkpoint, stored.digests.read(checkpoint))


def versions() -> dict[str, str]:
    """What the run was made with."""
    return {
        "reweigh": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _same_settings(stored: Stored, given: Mapping[str, Any], watcher: Watcher) -> Settings:
    config = stored.config
    if stored.choice is not None and given.get("rule") == registry.AUTO:
        given = {**given, "rule": stored.choice["rule"]}  # what was chosen then
    asked = config.but(**given)
    different = differences(config, asked)
    if different:
        there = config.flat()
        told = ", ".join(f"{name} is {there[name]!r} there, not {given[name]!r}" for name in different)
        raise BadInput(
            f"the run in {stored.path} has other settings ({told}): leave them out to resume, "
            "or start a new run in another folder"
        )
    if stored.versions != versions():
        watcher.note(
            f"the run was started with other versions ({stored.versions}, now {versions()}): its numbers may differ slightly"
        )
    return asked


def goes_on(output: Path | str, given: Mapping[str, Any], *, overwrite: bool) -> bool:
    """Whether processes that were started again have to go on with the run in `output`, which they had begun before.

    A run of other settings that is to be replaced is another one.
    """
    if not restarted():
        return False
    folder = RunFolder(output)
    if not (folder / files.CONFIG).exists():
        return False
    if not overwrite:
        return True
    try:
        _same_settings(read_config(folder.path), given, SILENT)
    except BadInput:
        return False
    return True
