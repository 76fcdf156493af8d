"""A whole run in its folder: started, carried on epoch by epoch, resumed after any kind of end.

What stands in the folder at any instant is enough to go on: the settings, written first, and the checkpoint of
the last saved epoch. The ledger's part of an epoch and the lines of metrics are written before the checkpoint, so
that a checkpoint never lacks them; parts and lines of epochs after it are dropped on a resume. The results come
last, the summary last of all, and a run that has its summary is finished.
"""

import platform
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from reweigh._version import __version__
from reweigh.errors import BadInput, ReweighError
from reweigh.ledger import Ledger
from reweigh.training import run_folder as files
from reweigh.training.checkpoint import load_checkpoint, save_checkpoint
from reweigh.training.config import TrainConfig
from reweigh.training.interrupt import CtrlC
from reweigh.training.job import Job, assemble
from reweigh.training.loop import run_epoch
from reweigh.training.own_files import check_unchanged, fingerprints
from reweigh.training.prepare import RunData, prepare, with_clean_kept
from reweigh.training.results import write_results
from reweigh.training.run_folder import RunFolder, write_json, write_lines
from reweigh.training.stored import config_from, differences
from reweigh.training.usual import with_usual


class Watcher(Protocol):
    """Who looks on: the command line's progress bar, or nobody."""

    def note(self, sentence: str) -> None:
        """Something worth saying once."""

    def started(self, job: Job) -> None:
        """The job is put together and about to train."""

    def step(self, done: int) -> None:
        """So many steps of the run are done."""

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch is complete; its line of metrics."""


class Interrupted(Exception):
    """The user stopped the run (ctrl-C); what was saved is complete, and the text says how to go on."""


def start(config: TrainConfig, output: Path | str, watcher: Watcher, *, overwrite: bool = False) -> dict[str, Any]:
    """Train from the beginning into the folder `output`; returns the summary.

    Raises:
        BadInput: if the settings or the data cannot be used, or the folder holds a run and `overwrite` is not set.
        Interrupted: on ctrl-C.
    """
    folder = RunFolder(output)
    folder.check_free(overwrite=overwrite)
    told = fingerprints(config)
    data = _read(config, watcher)
    config = with_usual(config, data)
    _use_threads(config)
    job = assemble(config, with_clean_kept(config, data), watcher.note)
    with folder.locked():
        folder.check_free(overwrite=overwrite)
        folder.clear()
        content = {"settings": config.as_json(), "versions": versions(), **({"data": told} if told else {})}
        write_json(folder / files.CONFIG, content)
        return _carry_on(job, folder, [], watcher)


def _read(config: TrainConfig, watcher: Watcher) -> RunData:
    if config.train is not None:
        watcher.note(f"reading {config.data_name}")
    data = prepare(config)
    for sentence in data.notes:
        watcher.note(sentence)
    return data


def resume(output: Path | str, given: Mapping[str, Any], watcher: Watcher) -> dict[str, Any]:
    """Go on with the run in `output`, whose settings are read from there; returns the summary.

    `given` are the settings that the user states again: they must be the run's own, but for those that change
    nothing in the outcome.

    Raises:
        BadInput: if there is no run, a setting differs, or a file of the run is damaged.
        Interrupted: on ctrl-C.
    """
    folder = RunFolder(output)
    if not (folder / files.CONFIG).exists():
        raise BadInput(f"there is no run to resume in {folder.path}: start one without --resume")
    with folder.locked():
        config = _same_settings(folder, given, watcher)
        if (folder / files.SUMMARY).exists():
            watcher.note(f"the run in {folder.path} is finished: nothing is left to do")
            return files.read_json(folder / files.SUMMARY)
        _use_threads(config)
        check_unchanged(config, files.read_json(folder / files.CONFIG).get("data", {}))
        job = assemble(config, with_clean_kept(config, _read(config, watcher)), watcher.note)
        if (folder / files.CHECKPOINT).exists():
            job.load_state_dict(load_checkpoint(folder / files.CHECKPOINT))
        lines = files.read_lines(folder / files.METRICS, job.epochs_done)
        return _carry_on(job, folder, lines, watcher)


def versions() -> dict[str, str]:
    """What the run was made with."""
    return {
        "reweigh": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _same_settings(folder: RunFolder, given: Mapping[str, Any], watcher: Watcher) -> TrainConfig:
    path = folder / files.CONFIG
    stored = files.read_json(path)
    settings = stored.get("settings")
    if not isinstance(settings, dict):
        raise BadInput(f"{path} has no 'settings': put the file back, or start again with --overwrite")
    config = config_from(settings, str(path))
    asked = replace(config, **given)
    different = differences(config, asked)
    if different:
        told = ", ".join(f"{name} is {getattr(config, name)!r} there, not {given[name]!r}" for name in different)
        raise BadInput(
            f"the run in {folder.path} has other settings ({told}): leave them out to resume, "
            "or start a new run in another folder"
        )
    before, now = stored.get("versions"), versions()
    if before != now:
        watcher.note(f"the run was started with other versions ({before}, now {now}): its numbers may differ slightly")
    return asked


def _carry_on(job: Job, folder: RunFolder, lines: list[dict[str, Any]], watcher: Watcher) -> dict[str, Any]:
    kept, mark = job.epochs_done, files.run_mark(files.read_json(folder / files.CONFIG)["settings"])
    try:
        ledger = Ledger(folder / files.LEDGER, epochs_done=kept, run=mark) if job.config.ledger else None
        with torch.random.fork_rng(devices=[job.device] if job.device.type == "cuda" else []), CtrlC() as ctrl_c:

            def on_step(done: int) -> None:
                watcher.step(done)
                ctrl_c.check()

            watcher.started(job)
            while job.epochs_done < job.epochs:
                lines.append(run_epoch(job, on_step, ledger=ledger))
                watcher.epoch(lines[-1])
                if job.epochs_done % job.config.checkpoint_every == 0 or job.epochs_done == job.epochs:
                    write_lines(folder / files.METRICS, lines)
                    save_checkpoint(folder / files.CHECKPOINT, job.state_dict())
                    kept = job.epochs_done
            return write_results(job, folder, lines)
    except KeyboardInterrupt as stopped:
        raise Interrupted(
            f"stopped; {_epochs(kept)} of {job.epochs} saved in {folder.path}: "
            f"go on with `reweigh train --output {shlex.quote(str(folder.path))} --resume`"
        ) from stopped
    except ReweighError as failed:
        if kept == 0:
            raise
        raise type(failed)(f"{failed} ({_epochs(kept)} of {job.epochs} saved in {folder.path})") from failed


def _epochs(count: int) -> str:
    return "no epoch" if count == 0 else "epoch 1" if count == 1 else f"epochs 1 to {count}"


def _use_threads(config: TrainConfig) -> None:
    torch.set_num_threads(config.threads or torch.get_num_threads())
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
