"""A Parquet file, or a folder of them, written again: columns, types, categories and metadata as they were."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.apply.edits import Edits
from reweigh.arrow import compute, kinds, pa, parquet
from reweigh.data.own.parquet_file import ParquetFile
from reweigh.errors import BadInput
from reweigh.words import shown


def copy_parquet(file: ParquetFile, target: Path, edits: Edits) -> None:
    """Write the opened file to `target`, or its parts into the folder `target` by their names.

    Raises:
        BadInput: if a new label is no value of the column's type.
    """
    first = 0
    for part in file.parts:
        with parquet.ParquetFile(str(part)) as source:
            place = target / part.name if target.is_dir() else target
            schema = source.schema_arrow
            with parquet.ParquetWriter(str(place), schema, **_as_packed(source.metadata)) as out:
                for table in _groups(source):
                    inside = _between(edits, first, first + len(table))
                    out.write_table(edited(table, inside, first), row_group_size=max(len(table), 1))
                    first += len(table)


def _groups(source: Any) -> Iterator[Any]:
    for group in range(source.metadata.num_row_groups):
        yield source.read_row_group(group)


def _between(edits: Edits, first: int, last: int) -> Edits:
    cells = {row: cells for row, cells in edits.cells.items() if first <= row < last}
    return Edits(edits.kept[first:last], cells, edits.targets)


def edited(table: Any, edits: Edits, first: int = 0) -> Any:
    """The kept rows of a `pyarrow.Table`, whose first row is `first` in `edits.cells`, with their new cells."""
    rows = sorted(edits.cells)
    if rows:
        mask = np.zeros(len(table), dtype=bool)
        mask[[row - first for row in rows]] = True
        for place, name in enumerate(edits.targets):
            at = next(at for at, stored in enumerate(table.column_names) if stored.strip() == name)
            cells = [edits.cells[row][place] for row in rows]
            column = _replaced(table.column(at), mask, cells, name)
            table = table.set_column(at, table.schema.field(at), column)
    return table if edits.kept.all() else table.filter(pa.array(edits.kept))


def _replaced(column: Any, mask: Any, cells: list[Any], name: str) -> Any:
    kind = column.type
    plain = kind.value_type if kinds.is_dictionary(kind) else kind
    whole = column.cast(plain).combine_chunks()
    try:
        new = pa.array([None if cell is None else str(cell) for cell in cells], pa.string())
        new = new.cast(plain) if not kinds.is_boolean(plain) else compute.equal(compute.utf8_lower(new), "true")
    except pa.ArrowException as wrong:
        raise BadInput(
            f"the column {shown(name)} holds values of the type {plain}, which {shown(cells[0])} is not: correct the label"
        ) from wrong
    found = compute.replace_with_mask(whole, pa.array(mask), new)
    if not kinds.is_dictionary(kind):
        return found
    coded = (
        found.combine_chunks().dictionary_encode() if isinstance(found, pa.ChunkedArray) else found.dictionary_encode()
    )
    return pa.DictionaryArray.from_arrays(coded.indices.cast(kind.index_type), coded.dictionary, ordered=kind.ordered)


def _as_packed(metadata: Any) -> dict[str, Any]:
    """How the columns are compressed."""
    if not metadata.num_row_groups:
        return {}
    columns = (metadata.row_group(0).column(place) for place in range(metadata.num_columns))
    codecs = {column.path_in_schema: column.compression.replace("UNCOMPRESSED", "NONE") for column in columns}
    return {"compression": codecs}
