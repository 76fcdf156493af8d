"""What a finished run leaves behind: the model, the examples' weights, a picture, and a summary."""

import json
from collections.abc import Callable
from typing import Any

from torch import Tensor

from reweigh._version import __version__
from reweigh.digests import Digests
from reweigh.errors import require
from reweigh.metrics import mass_per_class
from reweigh.rules import LearnedRule
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.run_folder import RunFolder, json_bytes
from reweigh.run.gallery import are_images, distrusted_png
from reweigh.run.job.evaluate import outputs_on
from reweigh.run.job.job import Job
from reweigh.run.job.records import most_distrusted, noise_auroc, parquet
from reweigh.run.temperature import Temperature
from reweigh.tasks import MEASURES, Task


def write_results(job: Job, folder: RunFolder, lines: list[dict[str, Any]], digests: Digests) -> dict[str, Any]:
    """Write what a complete run has learnt, the summary last; returns the summary.

    `lines` are the run's metrics, an epoch each. What is there already, as the run wrote it, stays as it is.
    """
    for name, content in _results(job, lines).items():
        if not (name in digests and digests.intact(folder / name)):
            digests.write(folder / name, content())
    return files.read_json(folder / files.SUMMARY)


def _results(job: Job, lines: list[dict[str, Any]]) -> dict[str, Callable[[], bytes | memoryview]]:
    """The content of each file, in the order in which they are written."""
    train, found = job.data.train, dict[str, Callable[[], bytes | memoryview]]()
    found[files.MODEL] = lambda: _model(job)
    if isinstance(job.rule, LearnedRule) and not job.rule.frozen:
        found[files.TEACHER] = job.rule.as_bytes
    if job.data.encoding is not None:
        found[files.ENCODING] = lambda: json_bytes(job.data.encoding.as_json())  # type: ignore[union-attr]
    found[files.WEIGHTS] = lambda: _weights(job)
    if are_images(train) and job.rule.tells_apart:
        found[files.GALLERY] = lambda: distrusted_png(train, most_distrusted(job.records, 10))
    found[files.SUMMARY] = lambda: json_bytes(_summary(job, lines))
    return found


def _model(job: Job) -> bytes:
    safetensors = require("safetensors.torch", "cli")
    # Cloned, since safetensors refuses tensors that share memory (tied weights).
    state = {name: t.detach().cpu().clone().contiguous() for name, t in job.model.state_dict().items()}
    # One key only: safetensors writes several in an order that changes from call to call.
    made_by = {"model": job.config.student.model, "dataset": job.config.data.name, "version": __version__}
    content: bytes = safetensors.save(state, {"reweigh": json.dumps(made_by)})
    return content


def _weights(job: Job) -> memoryview:
    train, names = job.data.train, job.data.names
    given, true = (_as_stored(job.task, y) for y in (train.y, train.true_y))
    told = None if names is None else names.column(train.ids.numpy())
    return parquet(job.records, train.ids, given, true, train.classes, told)


def _as_stored(task: Task, y: Tensor) -> Tensor | list[str]:
    """Targets in the user's own units; texts as texts."""
    return task.cells(y.numpy()) if task.of_pairs else task.in_units(y)


def _summary(job: Job, lines: list[dict[str, Any]]) -> dict[str, Any]:
    train, records, truth = job.data.train, job.records, job.data.truth
    return {
        "rule": job.config.weights.rule,
        **({} if job.choice is None else {"choice": job.choice}),
        **({"kinds": job.kinds} if job.kinds else {}),
        "task": job.task.name,
        "epochs": job.epochs_done,
        "steps": lines[-1]["step"],
        "score": job.task.score,
        **({"scored_by": job.task.scored_by} if job.task.scored_by else {}),
        **({} if job.early is None else {"best_epoch": job.early.epoch}),
        **{name: value for name, value in _scored(job, lines).items() if name in MEASURES},
        "auroc": None if truth is None else noise_auroc(records.mean_weight, truth),
        "wrong_labels": None if truth is None else int(truth.sum()),
        "examples": len(train),
        "clean_examples": len(job.data.clean),
        "test_examples": len(job.data.test),
        **({"mass_per_class": _mass(job)} if job.task.has_classes else {}),
        **({"read": {"notes": list(job.data.notes), "files": job.data.told or {}}} if job.data.encoding else {}),
        **_temperature(job),
        **({"shapes": job.task.shapes} if job.task.shapes else {}),
        "engine": job.reweigher.explain(),
        "seconds": round(sum(line["seconds"] for line in lines), 3),
    }


def _scored(job: Job, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The line of the epoch whose model comes out."""
    return lines[-1 if job.early is None else job.early.epoch - 1]


def _temperature(job: Job) -> dict[str, Any]:
    """Of own data, which are predicted from: found on the test examples, whose labels are right; no score depends on it."""
    if job.data.encoding is None or job.task.of_pairs:  # texts have no probability that is told
        return {}
    found = Temperature.of(job.task, outputs_on(job.student, job.inputs.test, job.device, job.task), job.data.test.y)
    return {} if found is None else {"temperature": vars(found)}


def _mass(job: Job) -> dict[str, float]:
    """Each class's share of all weight."""
    train, weights = job.data.train, job.records.mean_weight.nan_to_num(0.0)
    mass = mass_per_class(weights, train.y, len(train.classes)) / max(float(weights.sum()), 1e-300)
    return dict(zip(train.classes, mass.tolist(), strict=True))
