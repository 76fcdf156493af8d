"""The verdict in a run's folder: worked out once, kept as `verdict.json` beside the run's other files."""

import math
from pathlib import Path
from typing import Any

from reweigh.audit.halves import judged_by_halves
from reweigh.data.own import Sources
from reweigh.errors import ReweighError
from reweigh.last_words import last_words
from reweigh.rightness import weights_by
from reweigh.run.finished import FinishedRun, data_of, open_run, trained_model
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.run_folder import json_bytes
from reweigh.run.folder.stored import read_config
from reweigh.run.job.evaluate import finite, outputs_on
from reweigh.run.job.features import learnt_from
from reweigh.run.job.prepare import RunData, with_held_back
from reweigh.run.kept import Interrupted
from reweigh.run.objects import Objects
from reweigh.run.watcher import SILENT, Watcher
from reweigh.run.world import usable_device
from reweigh.strict_json import check_kind, parse_object
from reweigh.verdict.compare import Cleaned, compare
from reweigh.verdict.verdict import Verdict

_GAP = {"value": float, "margin": float | None, "count": int}
_KIND = {
    "measure": str, "score": float, "examples": str, "labels": str | None, "plain": bool, "sentence": str,
    "rivals": [{"words": str, "score": float, "difference": _GAP, "own": bool}],
}  # fmt: skip


def verdict_of(
    path: Path | str,
    *,
    data_root: Path | str | None = None,
    model: Any = None,
    task: Any = None,
    watcher: Watcher = SILENT,
) -> Verdict:
    """The verdict on a finished run, which is read where it was worked out before, else worked out and kept.

    Args:
        path: the run's folder.
        data_root, model, task: as `open_run` takes them.
        watcher: told of each other way that is tried.

    Raises:
        BadInput: if the run is missing, not finished or damaged, or its data have changed.
    """
    run = open_run(path, data_root, model, task)
    found = read_verdict(run)
    if found is not None:
        return found
    data = with_held_back(run.config, data_of(run))
    device = usable_device(run.config.run.device)
    trained = trained_model(run, tuple(data.train.x.shape[1:]), data.train.task.outputs, data.encoding).to(device)
    ours, inputs = learnt_from(trained, data, run.config.student.augment, device, watcher)
    outputs = finite(outputs_on(ours, inputs.test, device, data.test.task))
    objects = Objects(model=None if isinstance(model, str) else model)
    usual, known = run.summary.get("choice", {}).get("usual"), _cleaned(run, data, watcher)
    found = compare(run.config, data, outputs, watcher, cleaned=known, usual=usual, objects=objects)
    content = json_bytes(found.as_json())
    run.keep(lambda folder, digests: digests.write(folder / files.VERDICT, content))
    return found


def verdict_after(path: Path | str, watcher: Watcher, model: Any = None, task: Any = None) -> Verdict | None:
    """On a run on own data that has just ended; None where none could be had, and then the `watcher` is told why.

    Raises:
        Interrupted: on ctrl-C; the run itself is complete.
    """
    if not isinstance(read_config(path).config.data, Sources):
        return None
    stop = (
        f"stopped while comparing with other ways; the run in {path} is complete: `reweigh train --output {path} --resume` "
        "compares anew"
    )
    try:
        with last_words(stop):
            return verdict_of(path, model=model, task=task, watcher=watcher)
    except ReweighError as failed:
        watcher.note(f"the run is complete, but could not be compared with other ways: {failed}")
        return None
    except KeyboardInterrupt as stopped:
        raise Interrupted(stop) from stopped


def _cleaned(run: FinishedRun, data: RunData, watcher: Watcher) -> Cleaned | None:
    """What is known of the labels, where right ones can be told from wrong ones."""
    judged = judged_by_halves(run, data, watcher)
    if judged is None or judged.of_all.interval is None:
        return None
    most = 1 - judged.of_all.interval[0]
    fine = (
        f"at most {max(1, math.ceil(100 * most - 0.5))} % of the labels look wrong" if judged.of_all.look_fine else None
    )
    return Cleaned(weights_by(judged.right), fine)


def read_verdict(run: FinishedRun) -> Verdict | None:
    """The verdict that stands in a run's folder; None where there is none.

    Raises:
        BadInput: if it is damaged or was edited.
    """
    path = run.path / files.VERDICT
    if not path.exists():
        return None
    content = run.digests.read(path, files.LARGEST_JSON)
    found = parse_object(content, path)
    run.digests.check(path, content)
    check_kind(found, _KIND, path)
    return Verdict.from_json(found)
