"""Data in memory as an Arrow table, of pandas, polars, datasets, Arrow itself, or a dict of columns.

None of these libraries is imported here: a frame is known by what it can do.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from reweigh.errors import BadInput, require


def is_frame(data: Any) -> bool:
    """Whether it is a table with named columns."""
    if hasattr(data, "dtype") and not hasattr(data, "columns"):  # one column
        return False
    known = isinstance(data, Mapping) or any(hasattr(data, name) for name in ("__arrow_c_stream__", "collect_schema"))
    return known or is_pandas(data) or is_dataset(data)


def is_pandas(data: Any) -> bool:
    """Whether it is a pandas frame, or one like it."""
    return hasattr(data, "iloc") and hasattr(data, "columns")


def is_dataset(data: Any) -> bool:
    """Whether it is a data set of the library `datasets`, or one like it."""
    return hasattr(data, "with_format") and hasattr(data, "column_names")


def collected(data: Any) -> Any:
    """A lazy frame of polars with its rows, and all else as it is."""
    return data.collect() if hasattr(data, "collect_schema") and not hasattr(data, "height") else data


def as_table(data: Any, what: str) -> tuple[Any, list[str]]:
    """`data` as a `pyarrow.Table`, and a sentence for each column that had to be changed; `what` names it in messages.

    Raises:
        BadInput: if it is no table, or holds what no file can hold.
    """
    pa = require("pyarrow", "cli")
    data = collected(data)
    if isinstance(data, Mapping) and any(is_dataset(part) for part in data.values()):
        raise BadInput(f"{what} holds several data sets ({', '.join(map(str, data))}): give one of them")
    with _readable(what, type(data).__name__):
        if is_pandas(data):
            return _of_pandas(data, what)
        if is_dataset(data):
            return _of_dataset(data, what), []
        notes = list[str]()
        if isinstance(data, Mapping):
            data = {
                name: _array(column, str(name), what, notes) if isinstance(column, list | tuple) else column
                for name, column in data.items()
            }
        return _without_views(pa.table(data).replace_schema_metadata(None)), notes


def off_device(values: Any) -> Any:
    """A tensor as an array; anything else as it is."""
    return values.detach().cpu().numpy() if hasattr(values, "detach") else values


@contextmanager
def _readable(what: str, kind: str) -> Iterator[None]:
    try:
        yield
    except (require("pyarrow", "cli").ArrowException, TypeError, ValueError, AttributeError) as refused:
        if isinstance(refused, BadInput):
            raise
        raise BadInput(
            f"{what} is a {kind} that cannot be read as a table ({reason(refused)}): give a pandas or polars frame"
        ) from refused


def reason(refused: Exception) -> str:
    """What another library said, on one short line."""
    return " ".join(str(refused).split())[:160].rstrip(".")


def _of_pandas(frame: Any, what: str) -> tuple[Any, list[str]]:
    pa, arrays, notes = require("pyarrow", "cli"), [], list[str]()
    names = [str(name) for name in frame.columns]
    for place, name in enumerate(names):
        column = frame.iloc[:, place]
        if hasattr(column, "sparse") and hasattr(column.dtype, "fill_value"):
            column = column.sparse.to_dense()
        arrays.append(_array(column, name, what, notes))
    return pa.Table.from_arrays(arrays, names=names), notes


def _array(column: Any, name: str, what: str, notes: list[str]) -> Any:
    """Values of Python's or pandas', in which NaN among words is missing; of several types they are text, which is noted."""
    pa = require("pyarrow", "cli")
    try:
        array = pa.array(column, from_pandas=True)
        if not isinstance(array.type, pa.BaseExtensionType):  # periods, say: what Arrow keeps of them is a number
            return array
    except (pa.ArrowException, TypeError, ValueError):  # values of several types, as an object column may hold
        notes.append(f"column {name!r} of {what} holds values of several types: all are taken as text")
    return pa.array([None if _is_missing(value) else str(value) for value in column], pa.string())


def _without_views(table: Any) -> Any:
    """Texts as other libraries share them, as Parquet can have them."""
    pa, kinds = require("pyarrow", "cli"), require("pyarrow.types", "cli")
    for place, field in enumerate(table.schema):
        if kinds.is_dictionary(field.type) and kinds.is_string_view(field.type.value_type):
            chunks = [
                pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(pa.large_string()))
                for chunk in table.column(place).chunks
            ]
            coded = pa.dictionary(field.type.index_type, pa.large_string())
            table = table.set_column(place, field.name, pa.chunked_array(chunks, coded))
        elif kinds.is_string_view(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.large_string()))
    return table


def _is_missing(value: Any) -> bool:
    return value is None or value != value or type(value).__name__ in ("NAType", "NaTType")


def _of_dataset(data: Any, what: str) -> Any:
    """The rows of a data set, its classes by their names."""
    pa = require("pyarrow", "cli")
    try:
        table = data.with_format("arrow")[:]
    except (TypeError, NotImplementedError) as streamed:
        raise BadInput(f"{what} is a data set without rows to count, as streamed ones are: load it whole") from streamed
    for place, name in enumerate(table.column_names):
        names = getattr((data.features or {}).get(name), "names", None)
        if names:
            said = [None if code is None or code < 0 else names[code] for code in table.column(name).to_pylist()]
            table = table.set_column(place, name, pa.array(said, pa.string()))
    return table.replace_schema_metadata(None)
