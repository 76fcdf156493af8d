from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
import torch

from reweigh.data.own import Sources, parquet_file, read_own
from reweigh.data.own.parquet_file import ParquetFile
from reweigh.errors import BadInput


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


def parted(folder, table, sizes=(10, 1, 29)):
    folder.mkdir()
    start = 0
    for place, size in enumerate(sizes):
        pq.write_table(table.slice(start, size), folder / f"part-{place:03d}.parquet")
        start += size


@pytest.mark.parametrize("asked", ["parts", "parts/*.parquet"])
def test_parts_are_one_table(desk, asked):
    table = arrow_csv.read_csv(desk.table("whole.csv"))
    pq.write_table(table, desk.path("whole.parquet"))
    parted(desk.folder / "parts", table)
    (desk.folder / "parts" / "_SUCCESS").write_text("")
    whole, parts = (
        read_own(Sources(train=desk.path(name), target="label", clean_column="ok"), seed=0)
        for name in ("whole.parquet", asked)
    )
    assert torch.equal(whole.train.x, parts.train.x)
    assert torch.equal(whole.train.y, parts.train.y)
    assert any("has 3 parts, read in the order of their names" in note for note in parts.notes)


def test_parts_of_other_columns_or_types(desk):
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    parted(desk.folder / "parts", table, (1, 1))
    pq.write_table(
        table.select(["b", "a"]).set_column(1, "a", pa.array([0.5, 1.5])), desk.folder / "parts" / "z.parquet"
    )
    found = ParquetFile(desk.folder / "parts")
    assert [column.to_pylist() for column in found.columns(["b", "a"])] == [["x", "y", "x", "y"], [1, 2, 0.5, 1.5]]
    assert sum(len(batch) for batch in found.batches()) == found.rows == 4
    assert [cell for piece in found.pieces("b") for cell in piece.to_pylist()] == ["x", "y", "x", "y"]
    pq.write_table(pa.table({"a": ["x"], "b": ["x"]}), desk.folder / "parts" / "zz.parquet")
    with pytest.raises(BadInput, match="columns of different types"):
        list(ParquetFile(desk.folder / "parts").columns(["a"]))
    pq.write_table(pa.table({"a": [1]}), desk.folder / "parts" / "zz.parquet")
    with pytest.raises(BadInput, match=r"zz.parquet and .*part-000.parquet differ in column 'b'"):
        ParquetFile(desk.folder / "parts")


@pytest.mark.slow
def test_a_run_on_parts_goes_on_with_the_same_parts(desk):
    import reweigh

    parted(desk.folder / "parts", arrow_csv.read_csv(desk.table("whole.csv")))
    said = {"target": "label", "clean_column": "ok", "verbose": False, "output": desk.path("run")}
    run = reweigh.fit(desk.path("parts/*.parquet"), steps=4, **said)
    assert len(run.audit()) == 28
    (desk.folder / "parts" / "part-002.parquet").unlink()
    with pytest.raises(BadInput, match="is not what it was when the run began"):
        run.audit()
