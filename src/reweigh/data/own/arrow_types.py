"""Whatever type a Parquet file gives a column, as one of the few that are learned from.

Text, truth values, float64 and whole numbers, dates and instants, times and durations; categories (a dictionary of values)
become what they stand for. Lists, structures and bytes stay as they are, for `is_usable` to refuse.
"""

from typing import Any

from ...arrow import compute, kinds, pa


def plain(column: Any, as_names: bool = False) -> Any:
    """The column as an Arrow array of a plain type; chunks stay chunks.

    Categories (of pandas or polars: a dictionary, or `as_names`) become a dictionary of text, numbers too: they name things,
    they do not measure.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain(_chunks(column, lambda chunk: chunk.storage, kind.storage_type))
    if kinds.is_run_end_encoded(kind):
        return plain(_chunks(column, compute.run_end_decode, kind.value_type))
    if kinds.is_dictionary(kind):
        values = _chunks(column, lambda chunk: chunk.dictionary_decode(), kind.value_type)
        return plain(values, as_names=True)
    if kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return plain(_chunks(column, lambda chunk: chunk.cast(pa.string()), pa.string()), as_names)
    if as_names and (
        kinds.is_string(kind) or kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind)
    ):
        text = pa.dictionary(pa.int32(), pa.string())
        return _chunks(column, lambda chunk: chunk.cast(pa.string()).dictionary_encode(), text)
    return column.cast(pa.float64()) if kinds.is_float16(kind) else column


def _chunks(column: Any, change: Any, kind: Any) -> Any:
    if isinstance(column, pa.ChunkedArray):
        return pa.chunked_array([change(chunk) for chunk in column.chunks], kind)
    return change(column)
