"""A finished run, read from its folder: what it was made with, what came out, and the model and ledger it left.

Everything here was written by `reweigh train`, but a folder may have been copied, edited or mixed with another since. Each
piece is held against the others before it is used.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from reweigh.data import Examples
from reweigh.data.own import Encoding
from reweigh.errors import BadInput, require
from reweigh.ledger import Ledger, Summary
from reweigh.ledger.visits import Array
from reweigh.training import run_folder as files
from reweigh.training.config import TrainConfig, known
from reweigh.training.own_files import check_unchanged, located
from reweigh.training.prepare import RunData, prepare
from reweigh.training.stored import config_from
from reweigh.training.student import student_for


@dataclass(frozen=True)
class FinishedRun:
    """A run that has its summary.

    Attributes:
        path: the folder.
        config: its settings; `mark` is the ledger's mark for them.
        versions: what it was made with.
        summary: the score and the like, as `summary.json` has them.
        metrics: a line an epoch.
        data: of own data, where each file lay and its digest.
    """

    path: Path
    config: TrainConfig
    mark: str
    versions: dict[str, str]
    summary: dict[str, Any]
    metrics: list[dict[str, Any]]
    data: dict[str, Any]

    @property
    def score_name(self) -> str:
        """The number that counts: "test_accuracy", or that of another task."""
        return str(self.summary.get("score", "test_accuracy"))

    @property
    def score(self) -> float:
        """Its value on the test set at the last epoch."""
        return float(self.summary[self.score_name])


def open_run(path: Path | str, data_root: Path | str | None = None) -> FinishedRun:
    """Read a run's settings and results, and nothing large; `data_root` is where its data lie now.

    Raises:
        BadInput: if there is no run, it is not finished, or a file of it is damaged.
    """
    folder = Path(path)
    if not (folder / files.CONFIG).is_file():
        raise BadInput(f"there is no run in {folder}: name the folder that `reweigh train --output` was given")
    stored = files.read_json(folder / files.CONFIG)
    settings, versions = stored.get("settings"), stored.get("versions")
    if not isinstance(settings, dict) or not isinstance(versions, dict):
        raise BadInput(
            f"{folder / files.CONFIG} has no 'settings' and 'versions': put a good copy back, or train again"
        )
    config = config_from(settings, str(folder / files.CONFIG)).resolved()
    if not (folder / files.SUMMARY).is_file():
        raise BadInput(
            f"the run in {folder} is not finished: go on with `reweigh train --output {folder} --resume`, then try again"
        )
    summary = files.read_json(folder / files.SUMMARY)
    epochs, score = summary.get("epochs"), str(summary.get("score", "test_accuracy"))
    if not isinstance(epochs, int) or not isinstance(summary.get(score), int | float):
        raise BadInput(f"{folder / files.SUMMARY} has no 'epochs' and '{score}': put a good copy back, or train again")
    metrics = files.read_lines(folder / files.METRICS, epochs)
    data = stored.get("data")
    data = data if isinstance(data, dict) else {}
    config = located(config, data, None if data_root is None else str(data_root))
    if data_root is not None:
        config = replace(config, data_root=str(data_root))
    told = {name: str(version) for name, version in versions.items()}
    return FinishedRun(folder, config, files.run_mark(settings), told, summary, metrics, data)


def audited_data(run: FinishedRun) -> RunData:
    """The run's data, read again: those that it learnt from, or a sentence.

    Raises:
        BadInput: if the run kept no ledger, or the data cannot be had or have changed since.
    """
    if not run.config.ledger:
        raise BadInput(
            f"the run in {run.path} kept no ledger (--no-ledger), which says how far each example was trusted: train again "
            "without that option"
        )
    check_unchanged(run.config, run.data)
    return prepare(run.config)


def encoding_of(run: FinishedRun) -> Encoding:
    """How the run's own data became numbers.

    Raises:
        BadInput: if it was trained on a known data set, or the file is missing or damaged.
    """
    if run.config.train is None:
        raise BadInput(
            f"the run in {run.path} was trained on {run.config.dataset}, not on your own data: name a run that was made "
            "with `reweigh train --train`"
        )
    path = run.path / files.ENCODING
    return Encoding.from_json(files.read_json(path), str(path))


def trained_model(run: FinishedRun, input_shape: tuple[int, ...], outputs: int, encoding: Encoding | None) -> nn.Module:
    """The model at the end of the run, on the CPU, in eval mode, for inputs of that shape.

    Raises:
        BadInput: if its file is missing, damaged or of another model.
    """
    safetensors = require("safetensors.torch", "cli")
    path = run.path / files.MODEL
    model = student_for(run.config, input_shape, outputs, encoding)
    try:
        model.load_state_dict(safetensors.load(path.read_bytes()))
    except FileNotFoundError as missing:
        raise BadInput(f"{path} is missing: put it back, or train again") from missing
    except Exception as broken:  # safetensors has an error class of its own, torch raises several
        raise BadInput(
            f"{path} is damaged or of another model than {run.config.model}: put it back, or train again"
        ) from (broken)
    return model.eval()


def ledger_summary(run: FinishedRun, examples: Examples, others: Array) -> tuple[Summary, Array]:
    """What the run's ledger says, and for each of its rows the row of `examples` that has the same id.

    `others` are ids of clean examples that it may know as well; they are left out where they are not among `examples`.
    So are the epochs of the warm-up, in which every weight is as in plain training and says nothing.

    Raises:
        BadInput: if the ledger is missing, damaged, of another run, or about other examples.
    """
    folder = run.path / files.LEDGER
    history = Ledger.read(folder)
    if history.run != run.mark:
        raise BadInput(f"the ledger in {folder} is of another run: put the right one back, or train again")
    if history.epochs != run.summary["epochs"]:
        raise BadInput(
            f"the ledger in {folder} has {history.epochs} epochs but the run has {run.summary['epochs']}: put the "
            "right one back, or train again"
        )
    warm = sum(line.get("step", 0) <= known(run.config.warm_up) for line in run.metrics)
    summary, ids = history.summary(warm + 1 if warm < history.epochs else 1), examples.ids.numpy()
    ours = ~np.isin(summary.id, np.setdiff1d(others, ids))
    if not ours.all():
        summary = Summary(**{field.name: getattr(summary, field.name)[ours] for field in fields(Summary)})
    order = np.argsort(ids)
    rows = order[np.minimum(np.searchsorted(ids[order], summary.id), len(ids) - 1)]
    same = ids[rows] == summary.id
    if examples.y.ndim == 1:
        same &= examples.y.numpy()[rows] == summary.given_label
    if not same.all():
        raise BadInput(
            f"the ledger in {folder} and the training data do not agree on the example with id "
            f"{int(summary.id[~same][0])}: the data have changed since the run, put them back or train again"
        )
    return summary, rows
