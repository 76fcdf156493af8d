"""What a finished run leaves behind: the model, the examples' weights, a picture, and a summary."""

import json
from typing import Any

from reweigh._version import __version__
from reweigh.errors import require
from reweigh.metrics import mass_per_class
from reweigh.rules import LearnedRule
from reweigh.training import run_folder as files
from reweigh.training.gallery import distrusted_png
from reweigh.training.job import Job
from reweigh.training.records import most_distrusted, noise_auroc, parquet
from reweigh.training.run_folder import RunFolder, write_bytes, write_json


def write_results(job: Job, folder: RunFolder, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Write what a complete run has learnt, the summary last; returns the summary.

    `lines` are the run's metrics, an epoch each.
    """
    safetensors = require("safetensors.torch", "cli")
    train, records = job.data.train, job.records
    # Cloned, since safetensors refuses tensors that share memory (tied weights).
    state = {name: t.detach().cpu().clone().contiguous() for name, t in job.model.state_dict().items()}
    # One key only: safetensors writes several in an order that changes from call to call.
    made_by = {"model": job.config.model, "dataset": job.config.dataset, "version": __version__}
    write_bytes(folder / files.MODEL, safetensors.save(state, {"reweigh": json.dumps(made_by)}))
    if isinstance(job.rule, LearnedRule) and not job.rule.frozen:
        job.rule.save(folder / files.TEACHER)
    table = parquet(records, train.ids, train.y, train.true_y, train.classes)
    write_bytes(folder / files.WEIGHTS, table)
    if train.x.ndim == 4 and job.rule.name != "uniform":
        rows = most_distrusted(records, 10)
        write_bytes(folder / files.GALLERY, distrusted_png(train, rows))
    summary = _summary(job, lines)
    write_json(folder / files.SUMMARY, summary)
    return files.without_nan(summary)  # type: ignore[no-any-return]


def _summary(job: Job, lines: list[dict[str, Any]]) -> dict[str, Any]:
    train, records, truth = job.data.train, job.records, job.data.truth
    weights = records.mean_weight.nan_to_num(0.0)
    mass = mass_per_class(weights, train.y, len(train.classes)) / max(float(weights.sum()), 1e-300)
    return {
        "rule": job.config.rule,
        "epochs": job.epochs,
        "steps": job.steps,
        "test_accuracy": lines[-1]["test_accuracy"],
        "auroc": None if truth is None else noise_auroc(records.mean_weight, truth),
        "wrong_labels": None if truth is None else int(truth.sum()),
        "examples": len(train),
        "clean_examples": len(job.data.clean),
        "mass_per_class": dict(zip(train.classes, mass.tolist(), strict=True)),
        "engine": job.reweigher.explain(),
        "seconds": round(sum(line["seconds"] for line in lines), 3),
    }
