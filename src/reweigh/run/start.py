"""A whole run in its folder: started, carried on epoch by epoch, resumed after any kind of end.

What stands in the folder at any instant is enough to go on: the settings, written first, and the checkpoint of
the last saved epoch. The ledger's part of an epoch and the lines of metrics are written before the checkpoint, so
that a checkpoint never lacks them; parts and lines of epochs after it are dropped on a resume. The results come
last, the summary last of all, and a run that has its summary is finished. Each file is held against its digest before
it is gone on from, and results that are damaged are made again from the checkpoint.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from reweigh.data.outside import use_sources
from reweigh.data.own import Sources
from reweigh.digests import Digests
from reweigh.run import Callback, World
from reweigh.run.begun import is_there, versions, what_is_begun
from reweigh.run.bench import Bench
from reweigh.run.choice import helping, kinds_tried, settled
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.checkpoint import checkpoint_bytes, parse_checkpoint
from reweigh.run.folder.kept_halves import write_halves
from reweigh.run.folder.label_type import labels_of
from reweigh.run.folder.own_files import fingerprints
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.folder.stored import as_settled, read_config, write_config
from reweigh.run.folder.summary import read_summary
from reweigh.run.job.job import Job
from reweigh.run.job.prepare import RunData, prepare, with_held_back
from reweigh.run.job.usual import said_of_model, with_usual
from reweigh.run.kept import Interrupted as Interrupted
from reweigh.run.kept import carry_on
from reweigh.run.objects import NONE, Objects
from reweigh.run.watcher import SILENT, Watcher
from reweigh.settings import Settings
from reweigh.settings.run import ResolvedRun
from reweigh.tasks import use_task


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
    world = world or World.here(config.run.device)
    folder, watcher = RunFolder(output), watcher if world.is_main else SILENT
    if world.is_main:
        folder.check_free(overwrite=overwrite)
    sources = config.data if isinstance(config.data, Sources) else None
    if sources is not None:
        use_task(sources.task)
        use_sources(sources.train, sources.clean, sources.test)
    told = fingerprints(config) if world.is_main else {}
    data = _read(config, watcher)
    run = with_usual(config, data, objects).but(device=str(world.device))
    if config.student.model is None and data.encoding is not None and data.encoding.kind == "text":
        watcher.note(said_of_model(run.student.model))
    _use_threads(run.run)
    bench = Bench(run, data, watcher, objects, world)
    said = config.student
    open_ = said.steps is None and said.epochs is None and said.patience is None
    run, choice = world.on_main(lambda: settled(run, data, watcher, bench, length_open=open_))
    kinds: dict[str, dict[str, Any]] = {}
    if "rightness" in objects.rule_entry(run.weights.rule).needs:
        bench.known(data.clean.ids)  # before training begins
        tried = world.on_main(lambda: kinds_tried(bench, data.clean.ids, watcher))
        kinds = {kind: found.as_json() for kind, found in tried.items()}
    job = bench.job(run, chosen=choice is not None, helping=helping(kinds))
    job.choice, job.kinds = None if choice is None else choice.as_json(), kinds
    _say_of_parts(job, watcher)
    if not world.is_main:
        return carry_on(job, folder, Digests(folder.path, None), "", [], watcher, callbacks)
    if data.encoding is not None and sources is not None:
        told["train"]["labels"], told["train"]["spelled"] = labels_of(sources.train, data.encoding)
    with folder.locked():
        folder.check_free(overwrite=overwrite)
        folder.clear({Path(place["path"]) for place in told.values()})
        mark, digests = write_config(folder.path, run, versions(), told, job.choice, kinds)
        if bench.said is not None:
            write_halves(folder, digests, bench.said)
        if objects != NONE:  # whoever goes on may give another state of them than this
            digests.write(folder / files.CHECKPOINT, checkpoint_bytes(job.state_dict()))
        return carry_on(job, folder, digests, mark, [], watcher, callbacks)


def _say_of_parts(job: Job, watcher: Watcher) -> None:
    """What is not as in one process, where there are several."""
    augmented = job.world.size > 1 and job.config.student.augment != "none"
    if apart := [*job.world.apart(job.student), *(["augmentation"] if augmented else [])]:
        watcher.note(
            f"{' and '.join(apart)}: each of {job.world.size} processes has its own for its part of a batch, so that "
            "results are near those of one process, not equal"
        )


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
    folder, crew = RunFolder(output), world or World.here("cpu")
    use_task(given.get("task"))
    use_sources(*(given.get(name) for name in ("train", "clean", "test")))
    watcher = watcher if crew.is_main else SILENT
    with folder.locked() if crew.is_main and is_there(folder) else nullcontext():
        stored = crew.from_main(what_is_begun(folder, given, watcher) if crew.is_main else None)
        if stored is None:
            return read_summary(folder / files.SUMMARY, read_config(folder.path).digests) if crew.is_main else {}
        config = as_settled(stored.config, folder / files.CONFIG)
        _use_threads(config.run)
        world = world or World.here(config.run.device)
        bench = Bench(config, _read(config, watcher), watcher, objects, world)
        job = bench.job(config, chosen=stored.choice is not None, helping=helping(stored.kinds))
        job.choice, job.kinds = stored.choice, stored.kinds
        _say_of_parts(job, watcher)
        checkpoint, digests = folder / files.CHECKPOINT, stored.digests
        content = crew.from_main(_checkpoint(folder, digests) if crew.is_main else None)
        if content is not None:
            job.load_state_dict(parse_checkpoint(content, checkpoint))
            if crew.is_main:
                digests.check(checkpoint, content)
        lines = files.read_lines(folder / files.METRICS, job.epochs_done, digests) if crew.is_main else []
        return carry_on(job, folder, digests, stored.mark, lines, watcher, callbacks)


def _checkpoint(folder: RunFolder, digests: Digests) -> bytes | None:
    path = folder / files.CHECKPOINT
    return digests.read(path) if os.path.lexists(path) else None


def _use_threads(run: ResolvedRun) -> None:
    torch.set_num_threads(run.threads)
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
