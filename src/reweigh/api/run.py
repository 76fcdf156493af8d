"""A finished run, to be asked: its audit, its report, its model and what that says of new data."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reweigh.api.decided import decisions_given
from reweigh.api.given import Given
from reweigh.api.model import TrainedModel, export, trained
from reweigh.api.results import AuditTable, Labels, Prediction, Suspects
from reweigh.api.words import in_python, said_in_python
from reweigh.apply import Applied, apply_run
from reweigh.apply.auto import SURE
from reweigh.audit import THRESHOLD, audit_run, open_run
from reweigh.data.own import Encoding
from reweigh.errors import BadInput
from reweigh.predict import predict_new
from reweigh.report import write_report
from reweigh.review import write_review
from reweigh.run.finished import FinishedRun
from reweigh.run.folder.label_type import TEXT
from reweigh.storage import home, make_folder
from reweigh.tasks import Task
from reweigh.verdict import Verdict, verdict_of


class Run:
    """A run in its folder. `reweigh.fit` makes one, `reweigh.load` opens one.

    Attributes:
        path: the folder.
        finished: its settings, summary and metrics as they were read.
        notes: the sentences that were said of the data.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        model: Any = None,
        task: str | type[Task] | None = None,
        data_root: Path | str | None = None,
        kept: tempfile.TemporaryDirectory[str] | None = None,
        notes: Sequence[str] = (),
        sources: Sequence[Any] = (),
    ) -> None:
        self._sources = list(sources)  # kept, since the run's settings have no more than their names
        self._named, self._task, self._data_root, self._kept = model, task, data_root, kept
        self._model: TrainedModel | None = None
        with said_in_python({}):
            self.finished: FinishedRun = open_run(path, data_root, model, task)
        self.path = self.finished.path
        read = self.finished.summary.get("read") or {}
        self.notes = tuple(notes) or tuple(in_python(note, self._places) for note in read.get("notes", ()))

    def __repr__(self) -> str:
        where = "in a temporary folder" if self._kept is not None else f"in {self.path}"
        config = self.finished.config
        data = "data in memory" if self._places else config.data.name
        return f"<reweigh.Run of {config.weights.rule} on {data}, {self.finished.score_name} {self.score:.4f}, {where}>"

    @property
    def summary(self) -> dict[str, Any]:
        """The scores, how many examples there were, and what was found in the data, as `summary.json` has them."""
        return dict(self.finished.summary)

    @property
    def score(self) -> float:
        """The number that counts, on the test set at the last epoch, or at the best one; `summary["score"]` is its name."""
        return self.finished.score

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """A line an epoch: losses, score, effective sample size."""
        return list(self.finished.metrics)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that the run was made with."""
        return self.finished.config.flat()

    @property
    def encoding(self) -> Encoding | None:
        """How own data became numbers; None of a known data set."""
        return self.model.encoding

    @property
    def model(self) -> TrainedModel:
        """The trained `nn.Module` on the CPU, in eval mode, with its encoding: `run.model(run.model.encode(frame))`.

        Raises:
            BadInput: if a file of it is damaged.
        """
        if self._model is None:
            with said_in_python(self._places):
                self._model = trained(self.finished)
        return self._model

    def predict(self, data: Any) -> Prediction:
        """What the model says of each row of `data`: a frame, an array x, a pair (x, y), a data set, texts or a path.

        Columns are found by their names, so their order does not matter; the target need not be there. Where it is, the
        scores are worked out too.

        Raises:
            BadInput: if a column that the model learned from is missing, or `data` is of another kind.
        """
        with tempfile.TemporaryDirectory(prefix="reweigh-") as folder:
            given = Given(Path(folder))
            with said_in_python(given.places):
                found = predict_new(self.path, given.new(data, self.encoding), model=self._named)
                notes = [*given.notes, *(in_python(note, given.places) for note in found.data.notes)]
            return Prediction(found, self._labels, getattr(data, "index", None), tuple(notes))

    def audit(self, threshold: float = THRESHOLD) -> AuditTable:
        """The training examples ranked, the most distrusted first, with the label that the model would give.

        Raises:
            BadInput: if the rule trusts all alike, or the data have changed since.
        """
        with said_in_python(self._places):
            found = audit_run(self.path, data_root=self._data_root, threshold=threshold, model=self._named)
        return AuditTable(found, self._labels)

    def verdict(self) -> Verdict:
        """How the run stands beside plain training, the checked rows alone and a learner of the trade; worked out once.

        Raises:
            BadInput: if the data have changed since.
        """
        with said_in_python(self._places):
            return verdict_of(self.path, data_root=self._data_root, model=self._named, task=self._task)

    def suspects(self, count: int = 100) -> Suspects:
        """The `count` training examples whose labels are likeliest wrong, with the label to try; see `audit`."""
        return self.audit().suspects(count)

    def issues(self) -> Suspects:
        """The training examples whose labels look wrong, since another one is likelier; see `audit`."""
        return self.audit().issues()

    def apply(
        self, decisions: Any, output: Path | str, *, auto: bool = False, sure: float = SURE, overwrite: bool = False
    ) -> Applied:
        """Write the training data as decided, and the checked set grown, to the folder `output`: see docs/apply.md.

        `decisions` are a path, a frame or dicts with id, given, decision (keep, change, drop) and label, or None; with
        `auto` what is right with the probability `sure` is decided without a review.

        Raises:
            BadInput: if a decision cannot be applied, or the data have changed since.
        """
        opened = {"data_root": self._data_root, "model": self._named, "task": self._task}
        with said_in_python(self._places):
            given = decisions_given(decisions)
            return apply_run(self.path, given, output, auto=auto, sure=sure, overwrite=overwrite, **opened)

    def report(
        self, path: Path | str | None = None, *, against: Sequence["Run | Path | str"] = (), overwrite: bool = False
    ) -> Path:
        """Write the run as one HTML page, beside other runs on the same data; returns its path.

        Raises:
            BadInput: if `path` exists and `overwrite` is not set, or is missing where the run's folder is temporary.
        """
        self._check_lasting(path, "report('page.html')")
        others = [other.path if isinstance(other, Run) else other for other in against]
        with said_in_python(self._places):
            return write_report(
                self.path, path, against=others, data_root=self._data_root, overwrite=overwrite, model=self._named
            )

    def review(self, path: Path | str | None = None, *, count: int | None = None, overwrite: bool = False) -> Path:
        """Write the suspects as one HTML page on which a person decides, label by label; returns its path.

        Args:
            path: the page; default: `review.html` in the run's folder.
            count: how many examples, from the most distrusted one on; those whose label looks wrong, and a hundred at
                least, if left out.
            overwrite: whether a file at `path` may be replaced.

        Raises:
            BadInput: as `report`, or if its labels are no classes, labels or numbers.
        """
        self._check_lasting(path, "review('page.html')")
        with said_in_python(self._places):
            return write_review(
                self.path,
                path,
                count=count,
                data_root=self._data_root,
                overwrite=overwrite,
                model=self._named,
                task=self._task,
            )

    def export(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write the model as one file: `.pt2` for `torch.export`, `.onnx` for ONNX; returns its path.

        Inputs are encoded (`run.model.encode`), any number of rows at once; outputs are logits, or a standardised value.

        Raises:
            BadInput: for another ending, or if the file exists and `overwrite` is not set.
            MissingExtra: if ONNX is not installed.
        """
        with said_in_python(self._places):
            return export(self.model, home(path), overwrite=overwrite)

    def save(self, folder: Path | str) -> "Run":
        """Copy the run, with data that came from memory, to a folder that is not there yet; returns the run there.

        Raises:
            BadInput: if there is something at `folder`.
        """
        if os.path.lexists(target := home(folder)):
            raise BadInput(f"{target} exists: name a folder that does not")
        make_folder(target.parent)
        part = target.with_name(f".{target.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(self.path, part)
        part.rename(target)
        return Run(target, model=self._named, data_root=self._data_root, notes=self.notes, sources=self._sources)

    def _check_lasting(self, path: Path | str | None, call: str) -> None:
        if path is None and self._kept is not None:
            raise BadInput(f"this run's folder is temporary, and the page would go with it: name one, {call}")

    @property
    def _labels(self) -> Labels:
        told = self.finished.data.get("train") or {}
        spelled = told.get("spelled")
        known = {k: v for k, v in spelled.items() if isinstance(v, str)} if isinstance(spelled, dict) else {}
        return Labels(str(told.get("labels", TEXT)), known)

    @property
    def _places(self) -> dict[str, str]:
        """Files that were written for data in memory, and what they are called."""
        said = self.finished.config.flat()
        named = {name: said[name] for name in ("train", "clean", "test")}
        inside = (self.path / "data").absolute()
        memory = {path: name for name, path in named.items() if path is not None and Path(path).parent == inside}
        return memory | {Path(path).name: name for path, name in memory.items()}
