"""From targets as they stand in a file to y, the same way in every file.

Classes are those of the training and the clean part together. A label that only the test part or a new file has cannot have
been learned, and is refused.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...errors import BadInput
from .other_file import numbers_like
from .rows import Rows
from .targets import (
    Style,
    as_classes,
    as_flags,
    as_numbers_of,
    checked_numbers,
    how_read,
    is_missing,
    several,
    style_of,
)
from .values import BoolArray
from .words import listed, shown


@dataclass(frozen=True)
class Labels:
    """How targets become y: by `task`; `classes` in the order of the model's outputs; `scale` for a regression.

    `written` is how the training file writes a regression's numbers.
    """

    task: str
    targets: tuple[str, ...]
    classes: tuple[str, ...]
    scale: tuple[float, float] = (0.0, 1.0)
    written: Style = field(default_factory=Style)

    def missing(self, rows: Rows) -> BoolArray:
        """(N,) the rows without a label. Where one column holds several, an empty cell says "none of them"."""
        if self.task == "multi-label" and len(self.targets) == 1:
            return np.zeros(len(rows), dtype=bool)
        if self.task == "regression":
            return np.asarray(np.isnan(self._numbers(rows)))
        return is_missing(rows)

    def encode(self, rows: Rows) -> Tensor:
        """y as `Examples` has it; what stands where a label is missing has no meaning.

        Raises:
            BadInput: naming the first label that was not learned, or that is no number.
        """
        if self.task == "regression":
            scaled = (self._numbers(rows) - self.scale[0]) / self.scale[1]
            return torch.from_numpy(np.nan_to_num(scaled).astype(np.float32))
        if self.task == "multi-label":
            return torch.from_numpy(self._several(rows))
        codes, names = as_classes(rows.targets[0])
        place = {name: code for code, name in enumerate(self.classes)}
        to_class = np.array([*(place.get(word, -1) for word in names), 0], dtype=np.int64)
        y = to_class[codes]
        if (y < 0).any():
            self._unseen(rows, int(np.flatnonzero(y < 0)[0]), names[codes[np.flatnonzero(y < 0)[0]]])
        return torch.from_numpy(y)

    def read_otherwise(self, rows: Rows) -> str:
        """What to say of a regression's numbers that stand in `rows` otherwise than in the training file; "" for nothing."""
        return numbers_like(rows.targets[0], *self.written, *self.scale)[1]

    def _numbers(self, rows: Rows) -> npt.NDArray[np.float64]:
        found, _ = numbers_like(rows.targets[0], *self.written, *self.scale)
        return checked_numbers(found, rows.targets[0], self.targets[0], rows.where)

    def _several(self, rows: Rows) -> npt.NDArray[np.float32]:
        if len(self.targets) > 1:
            named = zip(rows.targets, self.targets, strict=True)
            columns = [as_flags(column, name, rows.where) for column, name in named]
            return np.nan_to_num(np.stack(columns, axis=1)).astype(np.float32)
        codes, sets = several(rows.targets[0])
        place = {name: code for code, name in enumerate(self.classes)}
        table = np.zeros((len(sets), len(place)), dtype=np.float32)
        for row, labels in enumerate(sets):
            for label in sorted(labels):
                if label not in place:
                    self._unseen(rows, int(np.flatnonzero(codes == row)[0]), label)
                table[row, place[label]] = 1
        return table[codes]

    def _unseen(self, rows: Rows, row: int, label: str) -> None:
        raise BadInput(
            f"{rows.name(row)} of {rows.where} has the label {shown(label)}, which neither the training nor the clean "
            f"part has: correct it to one of {listed(self.classes)}"
        )


def fit_labels(task: str, targets: tuple[str, ...], train: Rows, others: tuple[Rows, ...]) -> Labels:
    """The classes of `train` and `others` together, or the scale of a regression's training target.

    Raises:
        BadInput: there is a single class, or a regression's target is the same number everywhere.
    """
    if task == "regression":
        return Labels(task, targets, (targets[0],), _scale(train, targets[0]), style_of(train.targets[0]))
    if task == "multi-label" and len(targets) > 1:
        return Labels(task, targets, targets)
    found: set[str] = set()
    for rows in (train, *others):
        column = rows.targets[0]
        found |= set().union(*several(column)[1]) if task == "multi-label" else set(as_classes(column).values)
    if len(found) < (1 if task == "multi-label" else 2):
        only = f"the one class {listed(found)}" if found else "no label"
        raise BadInput(f"the target {shown(targets[0])} has {only} in {train.where}: nothing is to be told apart")
    return Labels(task, targets, tuple(sorted(found, key=in_order)))


def label_notes(labels: Labels, files: tuple[Rows, ...]) -> list[str]:
    """What was chosen in reading the targets of the training file and of others, in sentences."""
    name = labels.targets[0]
    if labels.task == "regression":
        otherwise = ((rows, labels.read_otherwise(rows)) for rows in files[1:])
        notes = [f"cells of the target {shown(name)} of {rows.where} {said}" for rows, said in otherwise if said]
        return [*how_read(files[0].targets[0], name, files[0].where), *notes]
    folded: dict[str, list[str]] = {}
    for word in labels.classes:
        folded.setdefault(" ".join(word.casefold().split()), []).append(word)
    alike = [words for words in folded.values() if len(words) > 1]
    return [f"the labels {listed(words)} differ in spelling only, and are told apart" for words in alike]


def in_order(name: str) -> tuple[int, float, str]:
    """Numbers by size, then words by alphabet."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _scale(train: Rows, name: str) -> tuple[float, float]:
    values = as_numbers_of(train.targets[0], name, train.where)
    values = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = (float(values.mean()), float(values.std())) if values.size else (0.0, 0.0)
    if not (deviation > 0 and np.isfinite(deviation)):
        raise BadInput(f"the target {shown(name)} of {train.where} does not vary: name a column of different numbers")
    return mean, deviation
