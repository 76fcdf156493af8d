import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks import many_rows

ROWS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("rows")
    many_rows.make(made, ROWS)
    return made


def test_rows_stand_in_files_and_are_read_in_a_plain_pass(folder):
    files = sorted((folder / "data").iterdir())
    assert len(files) == many_rows.FILES
    ids = [one for file in files for one in pq.read_table(file)["id"].to_pylist()]
    assert len(set(ids)) == ROWS
    many_rows.plain(folder, 16)


def test_a_command_that_fails_is_no_figure(tmp_path):
    with pytest.raises(SystemExit, match="ended with 1"):
        many_rows.cost(["python", "-c", "raise SystemExit(1)"])


def test_scores_are_held_against_each_other_row_by_row(tmp_path):
    for name, value in (("one", 2.0), ("other", 2.5)):
        table = pa.table({"id": ["a", "b"], "alignment": [-4.0, value], "tokens": [1, 2]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    assert many_rows.apart(tmp_path / "one.parquet", tmp_path / "other.parquet") == pytest.approx(0.125)
