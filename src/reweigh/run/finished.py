"""A finished run, read from its folder: what it was made with, what came out, and the model and ledger it left.

Everything here was written by `reweigh train`, but a folder may have been copied, edited or mixed with another since. Each
piece is held against the others before it is used.
"""

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from reweigh.data import Examples
from reweigh.data.own import Encoding, Sources
from reweigh.digests import Digests
from reweigh.errors import BadInput, ReweighError, require
from reweigh.ledger import Ledger, Summary
from reweigh.ledger.visits import Array
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.named_again import check_named_again, resume_command
from reweigh.run.folder.own_files import check_unchanged, located
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.folder.stored import WITHOUT_DIGESTS, as_settled, read_config
from reweigh.run.folder.summary import USUAL, read_summary
from reweigh.run.job.prepare import RunData, prepare
from reweigh.run.job.student import check_fits, student_for
from reweigh.settings import Resolved
from reweigh.storage import home
from reweigh.strict_json import parse_object
from reweigh.tasks import Task, known_task, name_of_task, use_task


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
        digests: of the folder's files.
        given: the model as the user has named it again, or the object itself; None where they have not.
    """

    path: Path
    config: Resolved
    mark: str
    versions: dict[str, str]
    summary: dict[str, Any]
    metrics: list[dict[str, Any]]
    data: dict[str, Any]
    digests: Digests
    given: Any = None

    @property
    def score_name(self) -> str:
        """The number that counts: "test_accuracy", or that of another task."""
        return str(self.summary.get("score", USUAL))

    @property
    def score(self) -> float:
        """Its value on the test set, at the epoch that `when` says."""
        return float(self.summary[self.score_name])

    @property
    def when(self) -> str:
        """The epoch that the score and the model are of, in words."""
        return f"epoch {self.summary['best_epoch']}, the best" if "best_epoch" in self.summary else "last epoch"

    def keep(self, write: Callable[[RunFolder, Digests], object]) -> None:
        """Put what was found out of the run beside its files: `write` is given the folder, and the digests as they are now.

        Raises:
            BadInput: if another process is writing there.
            ReweighError: if the disk refuses.
        """
        folder = RunFolder(self.path)
        with folder.locked():
            self.digests.read_again()
            write(folder, self.digests)

    def check_named_again(self) -> None:
        """The model is one of ours, or the user has named it as well: only then anything is asked of it.

        Raises:
            BadInput: if it is code of somebody's own or comes from the hub, and they have not.
        """
        check_named_again(self.config.student.model, self.given, f"the run in {self.path}")


def open_run(
    path: Path | str, data_root: Path | str | None = None, model: Any = None, task: str | type[Task] | None = None
) -> FinishedRun:
    """Read a run's settings and results, and nothing large.

    Args:
        path: the run's folder.
        data_root: where its data lie now.
        model: the model that the run was made with, named again: needed where that is code of somebody's own
            ("module:function") or comes from the Hugging Face hub ("hf:NAME"), since nobody's file may choose those. Where
            it was a module in Python: one of the same architecture.
        task: the same of a task of somebody's own ("module:Class", or the class).

    Raises:
        BadInput: if there is no run, it is not finished, or a file of it is damaged or was edited.
    """
    use_task(task)
    stored = read_config(path)
    what, again = f"the run in {stored.path}", None if task is None else name_of_task(task)
    check_named_again(stored.config.task, again, what, "task", known_task)  # before its scores are read
    folder = stored.path
    if not os.path.lexists(folder / files.SUMMARY):
        resume = resume_command(folder, stored.config.named_code)
        raise BadInput(f"the run in {folder} is not finished: go on with `{resume}`, then try again")
    config = as_settled(stored.config, folder / files.CONFIG)
    if stored.digests.run is None:
        warnings.warn(f"the run in {folder} {WITHOUT_DIGESTS}", stacklevel=2)
    summary = read_summary(folder / files.SUMMARY, stored.digests)
    check_named_again(summary.get("task"), again, what, "task", known_task)
    score = summary.get("score", USUAL)
    if summary[score] is None:
        raise BadInput(f"{folder / files.SUMMARY} has no '{score}': the test set was too small for it, train again")
    metrics = files.read_lines(folder / files.METRICS, summary["epochs"], stored.digests)
    config = located(config, stored.data, None if data_root is None else str(home(data_root)), folder)
    if data_root is not None:
        config = config.but(data_root=str(home(data_root)))
    run = FinishedRun(
        folder, config, stored.mark, stored.versions, summary, metrics, stored.data, stored.digests, model
    )
    if model is not None:
        run.check_named_again()
    return run


def audited_data(run: FinishedRun) -> RunData:
    """The run's data, of a run whose ledger goes with them.

    Raises:
        BadInput: if the run kept no ledger, or the data cannot be had or have changed since.
    """
    if not run.config.run.ledger:
        raise BadInput(
            f"the run in {run.path} kept no ledger (--no-ledger), which says how far each example was trusted: train again "
            "without that option"
        )
    return data_of(run)


def data_of(run: FinishedRun) -> RunData:
    """The run's data, read again: those that it learnt from, or a sentence.

    Raises:
        BadInput: if the data cannot be had or have changed since.
    """
    run.check_named_again()
    check_unchanged(run.config, run.data)
    return prepare(run.config)


def encoding_of(run: FinishedRun) -> Encoding:
    """How the run's own data became numbers.

    Raises:
        BadInput: if it was trained on a known data set, or the file is missing or damaged.
    """
    if not isinstance(run.config.data, Sources):
        raise BadInput(
            f"the run in {run.path} was trained on {run.config.data.name}, not on your own data: name a run that was made "
            "with `reweigh train --train`"
        )
    run.check_named_again()
    path = run.path / files.ENCODING
    content = run.digests.read(path, files.LARGEST_JSON)
    encoding = Encoding.from_json(parse_object(content, path), str(path))
    run.digests.check(path, content)
    borrowed = encoding.reader.get("tokenizer")
    if borrowed is not None and run.config.student.model not in (borrowed, f"hf:{borrowed}"):
        raise BadInput(f"{path} names another tokenizer than the run's model: put a good copy back, or train again")
    return encoding


def trained_model(run: FinishedRun, input_shape: tuple[int, ...], outputs: int, encoding: Encoding | None) -> nn.Module:
    """The model at the end of the run, on the CPU, in eval mode, for inputs of that shape.

    Raises:
        BadInput: if its file is missing, damaged or of another model.
    """
    safetensors = require("safetensors.torch", "cli")
    run.check_named_again()
    path = run.path / files.MODEL
    if not path.exists():
        raise BadInput(f"{path} is missing: put it back, or train again")
    content = run.digests.read(path)
    try:
        state = safetensors.load(content)
        given = None if isinstance(run.given, str) else run.given
        check_fits(run.config.student, input_shape, outputs, encoding, state)
        model = student_for(run.config.student, input_shape, outputs, encoding, given)
        model.load_state_dict(state)
    except ReweighError:
        raise
    except Exception as broken:  # safetensors has an error class of its own, torch raises several
        raise BadInput(
            f"{path} is damaged or of another model than {run.config.student.model}: put it back, or train again"
        ) from broken
    run.digests.check(path, content)
    return model.eval()


def ledger_summary(run: FinishedRun, examples: Examples, others: Array) -> tuple[Summary, Array]:
    """What the run's ledger says, and for each of its rows the row of `examples` that has the same id.

    `others` are ids of clean examples that it may know as well; they are left out where they are not among `examples`.
    So are the epochs of the warm-up, in which every weight is as in plain training and says nothing.

    Raises:
        BadInput: if the ledger is missing, damaged, of another run, or about other examples.
    """
    folder = run.path / files.LEDGER
    history = Ledger.read(folder, run.digests)
    if history.run != run.mark:
        raise BadInput(f"the ledger in {folder} is of another run: put the right one back, or train again")
    if history.epochs != run.summary["epochs"]:
        raise BadInput(
            f"the ledger in {folder} has {history.epochs} epochs but the run has {run.summary['epochs']}: put the "
            "right one back, or train again"
        )
    warm = sum(line.get("step", 0) <= run.config.weights.warm_up for line in run.metrics)
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
