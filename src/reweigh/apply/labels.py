"""From what decisions call labels to targets, and from targets to cells as the training file spells them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reweigh.apply.decisions import Decision
from reweigh.arrow import compute, pa
from reweigh.data.own import Encoding
from reweigh.data.own.labels import TargetColumns
from reweigh.data.own.rows import Rows
from reweigh.data.own.targets import SEPARATORS, split
from reweigh.data.own.values import different
from reweigh.errors import BadInput
from reweigh.words import listed, shown

CLOSE, DIGITS = 1e-4, 1e-6
"""Numbers that are one number written with fewer digits: as multiples of the target's deviation, and of its mean."""


class Labels:
    """The labels of a run's own data.

    Args:
        encoding: how they became targets.
        columns: the target columns of the training file, as the file has them: N cells each, Arrow arrays.
        where: the training file, for messages.
    """

    def __init__(self, encoding: Encoding, columns: Sequence[Any], where: str) -> None:
        self.task, self.names, self._columns, self._where = encoding.fitted, encoding.targets, columns, where

    def __len__(self) -> int:
        """The number of rows of the training file, N."""
        return len(self._columns[0])

    def same(self, one: Tensor, other: Tensor) -> Tensor:
        """(n,) where two targets (n, ...) are the same."""
        if not one.is_floating_point():
            return one == other
        mean, deviation = self.task.scale
        close = torch.isclose(one, other, rtol=CLOSE, atol=CLOSE + DIGITS * abs(mean) / deviation)
        return close.flatten(1).all(1) if close.ndim > 1 else close

    def raw(self) -> list[Any]:
        """The target columns as the file has them."""
        return [one_array(column) for column in self._columns]

    def encoded(self, columns: Sequence[Any]) -> Tensor:
        """The targets (n, ...) of cells in these columns, as they are read; of no meaning where one is missing."""
        rows = Rows(self._where, torch.empty(len(columns[0])), tuple(one_array(column) for column in columns))
        return self.task.encode(TargetColumns(rows, self.names))

    def targets(self, columns: Sequence[Any], keys: Sequence[str] | None = None, where: str = "") -> Tensor:
        """The targets (n, ...) of cells in these columns; `keys` name the rows in messages.

        Raises:
            BadInput: naming a row whose cells are no label that was learnt.
        """
        rows = Rows(where or self._where, torch.empty(len(columns[0])), tuple(columns), keys)
        found = TargetColumns(rows, self.names)
        missing = np.flatnonzero(self.task.missing(found))
        if missing.size:
            raise BadInput(f"{rows.name(int(missing[0]))} of {rows.where} has no label: give one, or drop the example")
        return self.task.encode(found)

    def told(self, decisions: Sequence[Decision], texts: Sequence[str]) -> Tensor:
        """The targets (n, ...) that texts of these decisions say.

        Raises:
            BadInput: naming the first that says none.
        """
        if not decisions:
            return self.encoded([column[:0] for column in self.raw()])
        try:
            return self._told(decisions, texts)
        except BadInput:  # numbers may be written in several ways; of other labels the sentence is the same again
            return torch.cat([self._told([one], [text]) for one, text in zip(decisions, texts, strict=True)])

    def _told(self, decisions: Sequence[Decision], texts: Sequence[str]) -> Tensor:
        keys, files = zip(*(one.where.split(" of ", 1) for one in decisions), strict=True)
        try:
            return self.targets(self._as_columns(decisions, texts), keys, files[0])
        except BadInput as wrong:
            raise BadInput(str(wrong).replace("row 0 of", f"{keys[0]} of", 1)) from wrong

    def _as_columns(self, decisions: Sequence[Decision], texts: Sequence[str]) -> list[Any]:
        if len(self.names) == 1:
            return [pa.array(texts, pa.string())]
        said = [set(split(text)) for text in texts]
        for one, names in zip(decisions, said, strict=True):
            if unknown := names - set(self.names):
                raise BadInput(
                    f"{one.where} has the label {listed(sorted(unknown))}, which is no target of the run: write some of "
                    f"{listed(self.names)} with ';' between them"
                )
        return [pa.array(["1" if name in names else "0" for names in said]) for name in self.names]

    def cells(self, targets: Tensor, texts: Sequence[str], rows: Sequence[int]) -> list[tuple[Any, ...]]:
        """The cells of the target columns for targets (n, ...) that these texts said, spelled as most of the file's are.

        Of several columns those that say the same as before stay as they are, in these `rows` of the file.
        """
        if len(self.names) > 1:
            before = [column.take(pa.array(rows)) for column in self.raw()]
            spelled = [self._flags(column) for column in self._columns]
            changed = (self.encoded(before) != targets).T.tolist()
            columns = [
                [words[bool(there)] if new else old for there, new, old in zip(*each, strict=True)]
                for words, *each in zip(
                    spelled, targets.T.tolist(), changed, (column.to_pylist() for column in before), strict=True
                )
            ]
            return list(zip(*columns, strict=True))
        spelling, apart = self._spellings(), self._separator()
        written = (apart.join(split(text)) if apart and split(text) else self._as_number(text) for text in texts)
        return [(spelling.get(_key(row), text),) for row, text in zip(targets, written, strict=True)]

    def _spellings(self) -> dict[Any, Any]:
        """From a target to the cell that says it most often in the training file."""
        values = _by_frequency(self._columns[0])
        found = TargetColumns(Rows(self._where, torch.empty(len(values)), (values,)), self.names)
        there = ~self.task.missing(found)
        rows = self.task.encode(found)[torch.from_numpy(there)]
        cells = values.filter(pa.array(there)).to_pylist()
        return {_key(row): cell for row, cell in zip(rows, cells, strict=True)}  # the most frequent one comes last

    def _separator(self) -> str:
        """What stands between several labels of a cell, where cells hold several; "" elsewhere."""
        if not self.task.outputs > 1 or self.task.has_classes:
            return ""
        cells = "".join(str(cell) for cell in compute.unique(one_array(self._columns[0]).drop_null()).to_pylist())
        return max(SEPARATORS, key=cells.count)

    def _as_number(self, text: str) -> str:
        """A number with the decimal sign and the unit of the column; other texts as they are."""
        style, unit = self.task.written
        if style.endswith(",") and "," not in text:
            text = text.replace(".", ",")
        return text if not unit or unit in text else f"{text} {unit}"

    def _flags(self, column: Any) -> dict[bool, Any]:
        """How a column says yes and no."""
        values = _by_frequency(column)
        rows = Rows(self._where, torch.empty(len(values)), (values,))
        said = zip(TargetColumns(rows, self.names[:1]).flags()[:, 0].tolist(), values.to_pylist(), strict=True)
        found = {flag > 0.5: cell for flag, cell in said if flag == flag}
        if len(found) < 2:
            raise BadInput(
                f"a target of {self._where} is {shown(values[0])} in all rows, so that nothing says how to change it"
            )
        return found


def one_array(column: Any) -> Any:
    """A column's cells in one piece."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _by_frequency(column: Any) -> Any:
    """The different cells of a column, the most frequent one last."""
    values, counts = different(one_array(column))
    return values.take(pa.array(np.argsort(counts, kind="stable")))


def _key(row: Tensor) -> Any:
    return tuple(row.tolist()) if row.ndim else row.item()
