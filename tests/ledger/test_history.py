"""A ledger read back: by its own summary, and by the tools that people have."""

import duckdb
import numpy as np
import pandas
import polars
import pyarrow.parquet
import pytest

from reweigh import Ledger
from reweigh.errors import BadInput


@pytest.fixture
def folder(tmp_path):
    """Three epochs: example 10 in all of them, 20 in the first two (twice in the second), 5 in the last."""
    ledger = Ledger(tmp_path / "ledger", run="mine")
    ledger.add([20, 10], [0.5, 0.5], [2.0, 2.0], [1.0, 2.0], [0, 1])
    ledger.end_epoch()
    ledger.add([20, 10, 20], [0.0, 1.0, 0.0], [-1.0, 4.0, -1.0], [3.0, 1.0, 5.0], [0, 1, 0])
    ledger.end_epoch()
    ledger.add([10, 5], [2.0, 0.0], None, [0.5, 9.0], [1, 2])
    ledger.end_epoch()
    return tmp_path / "ledger"


def test_the_summary_by_hand(folder):
    summary = Ledger.read(folder).summary()
    assert summary.id.tolist() == [5, 10, 20]
    assert summary.given_label.tolist() == [2, 1, 0]
    assert summary.given_label.dtype == np.int64
    assert summary.epochs.tolist() == [1, 3, 2]
    assert summary.visits.tolist() == [1, 3, 3]
    assert summary.mean_weight.tolist() == pytest.approx([0, (1 + 3 + 4) / 3, 1 / 3])
    assert summary.zero_share.tolist() == pytest.approx([1, 0, 2 / 3])
    assert summary.zero_epochs.tolist() == [1, 0, 0.5]
    assert summary.trend.tolist() == pytest.approx([np.nan, 1.5, -1.0], nan_ok=True)
    assert summary.last_weight.tolist() == [0, 4, 0]
    assert summary.mean_alignment.tolist() == pytest.approx([np.nan, (1 + 2) / 2, (1 - 0.5) / 2], nan_ok=True)
    assert summary.mean_loss.tolist() == pytest.approx([9, 3.5 / 3, 2.5])
    assert summary.last_loss.tolist() == [9, 0.5, 4]
    assert len(summary) == 3


def test_the_trend_is_the_least_squares_slope(tmp_path):
    ledger, weights = Ledger(tmp_path), np.random.default_rng(0).random((6, 4))
    for row in weights:
        ledger.add(np.arange(4), row / 4)
        ledger.end_epoch()
    slopes = [np.polyfit(np.arange(1, 7), weights[:, n], 1)[0] for n in range(4)]
    assert ledger.summary().trend.tolist() == pytest.approx(slopes, rel=1e-5)


def test_the_table_has_null_for_what_is_not_known(folder):
    table = Ledger.read(folder).summary().table().to_pydict()
    assert table["trend"][0] is None
    assert table["mean_alignment"][0] is None


def test_real_labels(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add([1, 2], [0.5, 0.5], labels=[0.25, -1.5])
    ledger.end_epoch()
    assert ledger.summary().given_label.tolist() == [0.25, -1.5]


def test_pandas_polars_and_duckdb_read_the_folder_as_it_is(folder):
    (folder / ".epoch-00004.parquet.part").write_bytes(b"half a part")
    wanted = [(1, 10, 1.0), (1, 20, 1.0), (2, 10, 3.0), (2, 20, 0.0), (3, 5, 0.0), (3, 10, 4.0)]
    columns = ["epoch", "id", "weight"]
    by_pandas = pandas.read_parquet(folder)[columns].sort_values(["epoch", "id"])
    assert list(by_pandas.itertuples(index=False, name=None)) == wanted
    by_polars = polars.read_parquet(folder / "*.parquet").select(columns).sort("epoch", "id")
    assert by_polars.rows() == wanted
    query = f"select epoch, id, weight from '{folder}/*.parquet' order by epoch, id"
    assert duckdb.sql(query).fetchall() == wanted


def test_mistakes_of_a_reader(folder, tmp_path):
    with pytest.raises(BadInput, match="no ledger in"):
        Ledger.read(tmp_path / "nowhere")
    two, three = folder / "epoch-00002.parquet", folder / "epoch-00003.parquet"
    good = two.read_bytes()
    two.unlink()
    with pytest.raises(BadInput, match=r"epoch-00002\.parquet is missing"):
        Ledger.read(folder)
    for damage in (b"", good[: len(good) // 2], b"hello", good[:60] + bytes([good[60] ^ 1]) + good[61:]):
        two.write_bytes(damage)
        with pytest.raises(BadInput, match=r"epoch-00002\.parquet is damaged"):
            Ledger.read(folder).summary()
    two.write_bytes(good)
    pyarrow.parquet.write_table(pyarrow.table({"id": [1]}), three)
    with pytest.raises(BadInput, match="no part of a ledger"):
        Ledger.read(folder).summary()


def test_a_part_of_another_run_is_noticed(folder, tmp_path):
    other = Ledger(tmp_path / "other", run="theirs")
    other.add([1], [1.0])
    (folder / "epoch-00002.parquet").write_bytes(other.end_epoch().read_bytes())
    with pytest.raises(BadInput, match="another run than epoch 1"):
        Ledger.read(folder).summary()


def test_a_summary_may_leave_the_first_epochs_out(tmp_path):
    ledger = Ledger(tmp_path)
    for weights in ([0.5, 0.5], [0.0, 1.0], [0.0, 1.0]):
        ledger.add([1, 2], weights)
        ledger.end_epoch()
    late = Ledger.read(tmp_path).summary(2)
    assert late.zero_share.tolist() == [1.0, 0.0]
    assert late.visits.tolist() == [2, 2]
    assert Ledger.read(tmp_path).summary().zero_share.tolist() == [2 / 3, 0.0]
