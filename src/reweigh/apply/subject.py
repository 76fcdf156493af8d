"""What decisions are about: a finished run's data, read again as they were, and who can write them."""

from typing import NamedTuple

from reweigh.apply.array_layout import ArrayLayout
from reweigh.apply.edits import Layout
from reweigh.apply.image_layout import ImageLayout
from reweigh.apply.labels import Labels
from reweigh.apply.table_layout import TableLayout
from reweigh.data.outside import is_outside
from reweigh.data.own import Encoding, Sources
from reweigh.data.own.decided import Plan
from reweigh.errors import BadInput
from reweigh.run.finished import FinishedRun, data_of, encoding_of
from reweigh.run.job.prepare import RunData
from reweigh.settings.known import Injected
from reweigh.tasks.answers import Answers


class Subject(NamedTuple):
    """A run, its data read again, and who can write them."""

    run: FinishedRun
    sources: Sources
    data: RunData
    encoding: Encoding
    layout: Layout
    labels: Labels

    @property
    def rows(self) -> dict[str, int]:
        """From what the audit calls an example to its row in the training file, of those that were learnt from."""
        ids = self.data.train.ids.numpy()
        assert self.data.names is not None
        return dict(zip(self.data.names.column(ids).to_pylist(), ids.tolist(), strict=True))


def subject_of(run: FinishedRun) -> Subject:
    """The run's data, as they were.

    Raises:
        BadInput: if they are not the user's own files, were spoilt on purpose, or have changed since.
    """
    sources = sources_of(run)
    if run.config.injected.noise != Injected().noise:
        raise BadInput(
            f"the run in {run.path} had its labels spoilt on purpose (--noise {run.config.injected.noise}), which are not "
            "those of the file: train without it"
        )
    data = data_of(run)
    encoding = data.encoding
    assert encoding is not None
    layout = _layout(encoding)
    columns = layout.targets(sources.train, encoding.targets)
    return Subject(run, sources, data, encoding, layout, Labels(encoding, columns, sources.train))


def sources_of(run: FinishedRun) -> Sources:
    """The user's own files, that the run learnt from.

    Raises:
        BadInput: if there are none.
    """
    sources = run.config.data
    if not isinstance(sources, Sources) or is_outside(sources.train):
        what = "a source of your own" if isinstance(sources, Sources) else sources.name
        raise BadInput(f"the run in {run.path} was trained on {what}: decisions are about files of your own")
    return sources


def labels_of(run: FinishedRun) -> Labels:
    """The labels of the run's data, of which the targets alone are read.

    Raises:
        BadInput: as `subject_of`.
    """
    sources, encoding = sources_of(run), encoding_of(run)
    return Labels(encoding, _layout(encoding).targets(sources.train, encoding.targets), sources.train)


def _layout(encoding: Encoding) -> Layout:
    if encoding.kind == "images":
        return ImageLayout()
    if encoding.kind == "arrays":
        return ArrayLayout(encoding.reader["x"], encoding.reader["y"])
    return TableLayout([*encoding.reader.get("columns", ()), *_target_plans(encoding)])


def _target_plans(encoding: Encoding) -> list[Plan]:
    """How numbers that are the target are written; other labels are read alike in all files."""
    task = encoding.fitted
    if task.answers is not Answers.NUMBER:
        return []
    style, unit, mean, deviation = task.writing
    number = {"kind": "number", "decimal": style, "unit": unit, "mean": mean, "deviation": deviation}
    return [{"name": encoding.targets[0], **number}]
