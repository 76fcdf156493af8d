from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from reweigh.data.own import parquet_file
from reweigh.data.own.parquet_file import ParquetFile


def test_rows_come_in_blocks_and_in_order(desk, monkeypatch):
    monkeypatch.setattr(parquet_file, "ROWS", 4)
    pq.write_table(pa.table({" a ": list(range(10)), "b": ["x"] * 10}), desk.path("t.parquet"))
    file = ParquetFile(Path(desk.path("t.parquet")))
    batches = list(file.batches())
    assert file.names == ["a", "b"]
    assert [batch.num_rows for batch in batches] == [4, 4, 2]
    assert [row["a"] for batch in batches for row in batch.to_pylist()] == list(range(10))


def test_a_damaged_page_is_one_sentence(desk, refused):
    pq.write_table(pa.table({"a": [str(number) for number in range(5000)]}), desk.path("t.parquet"))
    place = Path(desk.path("t.parquet"))
    whole = bytearray(place.read_bytes())
    whole[4:400] = bytes(396)
    place.write_bytes(whole)
    with refused("t.parquet cannot be read"):
        list(ParquetFile(place).batches())
