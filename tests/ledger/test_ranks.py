"""Two ranks write one ledger, and an example that pads the last batch of both is one row."""

import pyarrow.parquet
import torch

from reweigh import Ledger
from two_ranks import on_two_ranks


def _on_rank(rank, folder):
    ledger = Ledger(f"{folder}/ledger", run="both")
    for _ in range(2):
        ids = torch.tensor([[0, 2, 4], [1, 3, 0]][rank])  # five examples, padded to six by the first
        ledger.add(ids, torch.tensor([1 / 3, 0.0, 2 / 3]), None, ids.float(), ids)
        ledger.end_epoch()
    assert ledger.epochs_done == 2


def test_two_ranks_write_one_part_an_epoch(tmp_path):
    on_two_ranks(_on_rank, tmp_path)
    assert sorted(file.name for file in (tmp_path / "ledger").iterdir()) == [
        "epoch-00001.parquet",
        "epoch-00002.parquet",
    ]
    rows = pyarrow.parquet.read_table(tmp_path / "ledger" / "epoch-00002.parquet").to_pydict()
    assert rows["id"] == rows["loss"] == rows["given_label"] == [0, 1, 2, 3, 4]
    assert rows["visits"] == [2, 1, 1, 1, 1]
    assert rows["weight"] == [1.5, 1.0, 0.0, 0.0, 2.0]
    assert Ledger.read(tmp_path / "ledger").run == "both"
