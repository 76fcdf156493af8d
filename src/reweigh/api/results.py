"""An audit and predictions as tables of whatever library the caller works with."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from reweigh.audit import Audit
from reweigh.audit.export import columns as audit_columns
from reweigh.errors import require
from reweigh.ledger.visits import Array
from reweigh.predict import Predicted
from reweigh.predict import columns as predicted_columns
from reweigh.run.folder.label_type import TEXT, as_labels


class Labels(NamedTuple):
    """What the training data's labels were: the name of a type, and texts that are spelled otherwise as names of classes."""

    kind: str = TEXT
    spelled: Mapping[str, str] = MappingProxyType({})

    def of(self, names: list[str]) -> Any:
        """Names of classes as labels, (N,)."""
        return as_labels(names, self.kind, self.spelled)


class Tabular(abc.ABC):
    """Columns by name, and the table that they make."""

    @abc.abstractmethod
    def columns(self) -> dict[str, Any]:
        """Columns (N,) by name: arrays or lists."""

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`; what is not known is null."""
        pa = require("pyarrow", "cli")
        return pa.table({name: pa.array(values, from_pandas=True) for name, values in self.columns().items()})

    def to_polars(self) -> Any:
        """A `polars.DataFrame`.

        Raises:
            MissingExtra: if polars is not installed.
        """
        return require("polars", "frames").from_arrow(self.to_arrow())

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`.

        Raises:
            MissingExtra: if pandas is not installed.
        """
        frame = require("pandas", "frames").DataFrame(self.columns())
        return frame if (index := self._index(frame)) is None else frame.set_axis(index, axis=0)

    def _index(self, frame: Any) -> Any:
        return None


@dataclass(frozen=True, eq=False)
class Suspects(Tabular):
    """Some of an audit's examples with what is said of their labels, those that are likeliest wrong first."""

    audit: Audit
    labels: Labels
    rows: Array

    def __len__(self) -> int:
        """The number of these examples."""
        return len(self.rows)

    def columns(self) -> dict[str, Any]:
        """`row` and `id`; `given` and `suggested` labels; `right`, `kind`, `helpful` and `standing`.

        `right` is the probability that the label is right, not known where that cannot be told; `kind` of which kind it is
        wrong, if it is; `helpful` the mean weight in training, 1 as in plain training; `standing` both in words.
        """
        audit, rows = self.audit, self.rows
        ids, told = audit.examples.ids.numpy()[rows], {"given": audit.given, "suggested": audit.suggested}
        found = {"row": ids, "id": ids if audit.names is None else [audit.name(row) for row in rows.tolist()]}
        for name, values in told.items():
            cells = audit.task.cells(values[rows])
            found[name] = self.labels.of(cells) if isinstance(cells, list) else cells
        return {
            **found,
            "right": audit.right[rows],
            "kind": audit.kind[rows].tolist(),
            "helpful": audit.mean_weight[rows],
            "standing": audit.standing[rows].tolist(),
        }

    def _index(self, frame: Any) -> Any:
        """Rows by their place in the training data."""
        return require("pandas", "frames").Index(frame.pop("row"), name="row")


@dataclass(frozen=True, eq=False)
class AuditTable(Tabular):
    """The ranking of a run's training examples; `audit` has all that it was made from, such as `audit.noise_rates`."""

    audit: Audit
    labels: Labels

    def __len__(self) -> int:
        """The number of examples, N."""
        return len(self.audit)

    def suspects(self, count: int = 100) -> Suspects:
        """The `count` examples whose labels are likeliest wrong."""
        return Suspects(self.audit, self.labels, self.audit.order[:count])

    def issues(self) -> Suspects:
        """The examples whose labels look wrong: another one is likelier."""
        return Suspects(self.audit, self.labels, self.audit.order[self.audit.issue[self.audit.order]])

    def columns(self) -> dict[str, Any]:
        """Columns (N,), most distrusted first: `row` is the place in the training data, from 0, and `id` its name.

        Labels are of the type that the training data had.
        """
        found = {"row": self.audit.examples.ids.numpy()[self.audit.order], **audit_columns(self.audit)}
        for name in ("given_label", "suggested_label"):
            if isinstance(found[name], list):
                found[name] = self.labels.of(found[name])
        return found

    def _index(self, frame: Any) -> Any:
        """Rows by their place in the training data, so that `train.iloc[table.index]` is in the same order."""
        return require("pandas", "frames").Index(frame.pop("row"), name="row")


@dataclass(frozen=True, eq=False)
class Prediction(Tabular):
    """What a model says of N new rows, in their order.

    Attributes:
        predicted: the values, probabilities and names as they are worked out.
        labels: the type and the spelling of the training data's labels.
        index: of the pandas frame that was asked about.
        notes: what was said of the data, such as how many values were unknown.
    """

    predicted: Predicted
    labels: Labels
    index: Any = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """The number of rows, N."""
        return len(self.predicted)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.values, dtype=dtype)

    @property
    def values(self) -> Any:
        """(N,) the predicted labels, of the type that the training data had, or the predicted numbers."""
        found = predicted_columns(self.predicted)["prediction"]
        return self.labels.of(found) if isinstance(found, list) else found

    @property
    def probabilities(self) -> Any:
        """(N, K) of each class or label, in the order of `classes`; None of a regression."""
        found = self.predicted.probabilities
        return None if found is None else found.numpy()

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes or labels."""
        return self.predicted.encoding.classes

    @property
    def scores(self) -> dict[str, float]:
        """The scores by name, where the data have the target."""
        return dict(self.predicted.scores)

    def columns(self) -> dict[str, Any]:
        """`prediction`, and of classes `probability` (that of the prediction) and `probability of NAME` for each."""
        found = predicted_columns(self.predicted, each=True)
        return {name: self.values if name == "prediction" else found[name] for name in found if name != "id"}

    def _index(self, frame: Any) -> Any:
        return self.index if hasattr(self.index, "get_indexer") else None
