"""A whole run in its folder: started, carried on epoch by epoch, resumed after any kind of end.

What stands in the folder at any instant is enough to go on: the settings, written first, and the checkpoint of
the last saved epoch. The ledger's part of an epoch and the lines of metrics are written before the checkpoint, so
that a checkpoint never lacks them; parts and lines of epochs after it are dropped on a resume. The results come
last, the summary last of all, and a run that has its summary is finished. Each file is held against its digest before
it is gone on from, and results that are damaged are made again from the checkpoint.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reweigh._version import __version__
from reweigh.data.outside import use_sources
from reweigh.data.own import Sources
from reweigh.errors import BadInput
from reweigh.ledger import Ledger
from reweigh.rules import registry
from reweigh.run import Callback, World
from reweigh.run.bench import Bench
from reweigh.run.choice import settled
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.checkpoint import checkpoint_bytes, parse_checkpoint
from reweigh.run.folder.kept_halves import write_halves
from reweigh.run.folder.label_type import labels_of
from reweigh.run.folder.named_again import check_named_again
from reweigh.run.folder.own_files import check_unchanged, fingerprints
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.folder.stored import WITHOUT_DIGESTS, Stored, as_settled, differences, read_config, write_config
from reweigh.run.folder.summary import read_summary
from reweigh.run.job.loop import Notes, train_along
from reweigh.run.job.prepare import RunData, prepare, with_held_back
from reweigh.run.job.usual import said_of_model, with_usual
from reweigh.run.kept import Interrupted as Interrupted
from reweigh.run.kept import carry_on
from reweigh.run.objects import NONE, Objects
from reweigh.run.watcher import SILENT, Watcher
from reweigh.run.world import check_alone
from reweigh.settings import Settings
from reweigh.settings.run import ResolvedRun
from reweigh.tasks import known_task, use_task


def start(
    config: Settings,
    output: Path | str,
    watcher: Watcher,
    *,
    overwrite: bool = False,
    callbacks: Sequence[Callback] = (),
    objects: Objects = NONE,
    world: World | None = None,
) -> dict[str, Any]:
    """Train from the beginning into the folder `output`; returns the summary. `callbacks` are told of steps and epochs.

    `objects` are what the settings name and only Python has. `world` is where this takes place; without one this process has
    to be alone. In a process that is not the main one nothing is written or said, and the summary is empty.

    Raises:
        BadInput: if the settings or the data cannot be used, or the folder holds a run and `overwrite` is not set.
        Interrupted: on ctrl-C.
    """
    if world is None:
        check_alone()
    folder, world = RunFolder(output), world or World.here(config.run.device)
    watcher = watcher if world.is_main else SILENT
    folder.check_free(overwrite=overwrite)
    sources = config.data if isinstance(config.data, Sources) else None
    if sources is not None:
        use_task(sources.task)
        use_sources(sources.train, sources.clean, sources.test)
    told = fingerprints(config)
    data = _read(config, watcher)
    run = with_usual(config, data, objects).but(device=str(world.device))
    if config.student.model is None and data.encoding is not None and data.encoding.kind == "text":
        watcher.note(said_of_model(run.student.model))
    _use_threads(run.run)
    bench = Bench(run, data, watcher, objects, world)
    said = config.student
    open_ = said.steps is None and said.epochs is None and said.patience is None
    run, choice = settled(run, data, watcher, bench, length_open=open_)
    if "rightness" in objects.rule_entry(run.weights.rule).needs:
        bench.known(data.clean.ids)  # before training begins
    job = bench.job(run, chosen=choice is not None)
    job.choice = None if choice is None else choice.as_json()
    if not world.is_main:
        train_along(job, Notes(job), callbacks)
        return {}
    if data.encoding is not None and sources is not None:
        told["train"]["labels"], told["train"]["spelled"] = labels_of(sources.train, data.encoding)
    with folder.locked():
        folder.check_free(overwrite=overwrite)
        folder.clear({Path(place["path"]) for place in told.values()})
        mark, digests = write_config(folder.path, run, versions(), told, job.choice)
        if bench.said is not None:
            write_halves(folder, digests, bench.said)
        if objects != NONE:  # whoever goes on may give another state of them than this
            digests.write(folder / files.CHECKPOINT, checkpoint_bytes(job.state_dict()))
        return carry_on(job, folder, digests, mark, [], watcher, callbacks)


def _read(config: Settings, watcher: Watcher) -> RunData:
    if isinstance(config.data, Sources):
        watcher.phase(f"reading {config.data.name}")
    data = with_held_back(config, prepare(config))
    for sentence in data.notes:
        watcher.note(sentence)
    return data


def resume(
    output: Path | str,
    given: Mapping[str, Any],
    watcher: Watcher,
    *,
    callbacks: Sequence[Callback] = (),
    objects: Objects = NONE,
    world: World | None = None,
) -> dict[str, Any]:
    """Go on with the run in `output`, whose settings are read from there; returns the summary.

    `given` are the settings that the user states again: they must be the run's own, but for those that change
    nothing in the outcome. `objects` and `world` are as in `start`.

    Raises:
        BadInput: if there is no run, a setting differs, or a file of the run is damaged.
        Interrupted: on ctrl-C.
    """
    folder = RunFolder(output)
    if not (folder / files.CONFIG).exists():
        raise BadInput(f"there is no run to resume in {folder.path}: start one without --resume")
    use_task(given.get("task"))
    use_sources(*(given.get(name) for name in ("train", "clean", "test")))
    if world is None:
        check_alone()
    is_main = world is None or world.is_main
    watcher = watcher if is_main else SILENT
    with folder.locked() if is_main else nullcontext():
        stored = read_config(folder.path)
        config = as_settled(_same_settings(stored, given, watcher), folder / files.CONFIG)
        what = f"the run in {folder.path}"
        check_named_again(config.task, given.get("task"), what, "task", known_task)
        damaged = _damaged_results(folder, stored)
        if damaged is not None and not damaged:
            _check_rest(folder, stored)
            watcher.note(f"the run in {folder.path} is finished: nothing is left to do")
            return read_summary(folder / files.SUMMARY, stored.digests)
        for name in damaged or ():
            watcher.note(f"{folder / name} is damaged or missing: it is made again from the checkpoint")
        if stored.digests.run is None:
            watcher.note(f"the run in {folder.path} {WITHOUT_DIGESTS}")
        for option, name in (("model", config.student.model), ("rule", config.weights.rule)):
            check_named_again(name, given.get(option), what, option)
        _use_threads(config.run)
        check_unchanged(config, stored.data)
        there = os.path.lexists(folder / files.CHECKPOINT)
        if damaged and not there:
            raise BadInput(
                f"{folder / files.CHECKPOINT} is missing, from which {damaged[0]} could be made again: put one of them "
                "back, or train again with --overwrite"
            )
        if not there:
            watcher.note(f"there is no checkpoint in {folder.path}: it starts from the beginning")
        world = world or World.here(config.run.device)
        bench = Bench(config, _read(config, watcher), watcher, objects, world)
        job = bench.job(config, chosen=stored.choice is not None)
        job.choice = stored.choice
        if there:
            content = stored.digests.read(folder / files.CHECKPOINT)
            job.load_state_dict(parse_checkpoint(content, folder / files.CHECKPOINT))
            stored.digests.check(folder / files.CHECKPOINT, content)
        lines = files.read_lines(folder / files.METRICS, job.epochs_done, stored.digests)
        if not is_main:
            train_along(job, Notes(job), callbacks)
            return {}
        return carry_on(job, folder, stored.digests, stored.mark, lines, watcher, callbacks)


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


def _use_threads(run: ResolvedRun) -> None:
    torch.set_num_threads(run.threads)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
