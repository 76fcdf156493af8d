"""The ledger as a training loop meets it: what goes in comes out by id, whatever kills the process."""

import os
import random
import sys

import numpy as np
import pyarrow.parquet
import pytest
import torch
import torch.nn.functional as F

from reweigh import L2RW, Ledger, Reweigher
from reweigh.errors import BadInput, MissingExtra, NonFinite, ReweighError
from reweigh.ledger.parts import epochs_in


def part(path):
    return pyarrow.parquet.read_table(path).to_pydict()


def one_epoch(ledger, ids=(1, 2), weights=(0.5, 0.5)):
    ledger.add(list(ids), list(weights))
    return ledger.end_epoch()


def test_a_plain_users_loop(tmp_path):
    torch.manual_seed(1)
    model = torch.nn.Linear(4, 3)
    x, y = torch.randn(40, 4), torch.randint(3, (40,))
    ids = torch.arange(40) * 1_000_003 - 9_000_000_000  # any int64, negative and far apart

    def per_example_loss(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    reweigher = Reweigher(
        model, per_example_loss, rule=L2RW(), clean={"x": torch.randn(9, 4), "y": torch.arange(9) % 3}
    )
    ledger, seen = Ledger(tmp_path / "ledger"), []
    for rows in torch.randperm(40).split(10):
        batch = {"x": x[rows], "y": y[rows], "id": ids[rows]}
        losses, weights = reweigher.backward(batch)
        alignments = reweigher.report.alignments
        ledger.add(batch["id"], weights, alignments, losses, batch["y"])
        scale = alignments.abs().mean()
        seen += zip(batch["id"].tolist(), weights * 10, alignments / scale, losses, batch["y"].tolist(), strict=True)
    rows = part(ledger.end_epoch())
    seen.sort()
    assert rows["id"] == sorted(ids.tolist()) == [row[0] for row in seen]
    assert rows["weight"] == pytest.approx([float(row[1]) for row in seen], rel=1e-6)
    assert rows["alignment"] == pytest.approx([float(row[2]) for row in seen], rel=1e-5)
    assert rows["loss"] == [float(row[3]) for row in seen]
    assert rows["given_label"] == [row[4] for row in seen]
    assert (set(rows["epoch"]), set(rows["visits"])) == ({1}, {1})
    assert rows["zeros"] == [int(row[1] == 0) for row in seen]


def test_a_part_is_one_row_group_however_many_rows(tmp_path):
    ledger, count = Ledger(tmp_path), 1_100_000  # pyarrow's own row groups end at 1,048,576
    ledger.add(torch.arange(count), torch.full((count,), 1 / count))
    file = pyarrow.parquet.ParquetFile(ledger.end_epoch())
    assert (file.num_row_groups, file.metadata.num_rows) == (1, count)


def test_an_id_that_repeats_in_an_epoch_is_averaged_and_counted(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add([7, 7, 8, 9], [0.0, 0.5, 0.5, 0.0], [-1.0, 1.0, 3.0, -3.0], [1.0, 3.0, 5.0, 7.0], [0, 0, 1, 2])
    ledger.add([9, 8], [1.0, 0.0], None, [9.0, 5.0], [2, 1])
    rows = part(ledger.end_epoch())
    assert rows["id"] == [7, 8, 9]
    assert (rows["visits"], rows["zeros"]) == ([2, 2, 2], [1, 1, 1])
    assert rows["weight"] == [1.0, 1.0, 1.0]  # 4 x (0 + 0.5) / 2; (4 x 0.5 + 0) / 2; (0 + 2 x 1) / 2
    assert rows["alignment"] == [0.0, 1.5, -1.5]  # of the first batch only: the mean of its magnitudes is 2
    assert rows["loss"] == [2.0, 5.0, 8.0]
    assert rows["given_label"] == [0, 1, 2]


def test_what_was_not_given_is_null(tmp_path):
    rows = part(one_epoch(Ledger(tmp_path)))
    assert rows["alignment"] == rows["loss"] == rows["given_label"] == [None, None]


def test_a_callers_memory_may_be_used_again(tmp_path):
    ledger, ids, weights = Ledger(tmp_path), torch.tensor([1, 2]), np.array([1.0, 0.0])
    ledger.add(ids, weights)
    ids += 2
    weights[:] = weights[::-1].copy()
    ledger.add(ids, weights)
    rows = part(ledger.end_epoch())
    assert (rows["id"], rows["weight"]) == ([1, 2, 3, 4], [2.0, 0.0, 0.0, 2.0])


@pytest.mark.parametrize("batches", [1, 255, 256, 257, 600])
def test_any_number_of_batches_of_any_size(batches, tmp_path):
    ledger, draw = Ledger(tmp_path), random.Random(batches)
    sizes, first = [draw.randint(0, 5) for _ in range(batches - 1)] + [3], 0
    for size in sizes:
        ids = torch.arange(first, first + size)
        ledger.add(ids, torch.full((size,), 2.0), ids.float() + 1, None if size % 2 else ids.bfloat16(), ids)
        first += size
    rows = part(ledger.end_epoch())
    assert rows["id"] == rows["given_label"] == list(range(first))
    assert rows["weight"] == [2.0 * size for size in sizes for _ in range(size)]
    assert [loss is None for loss in rows["loss"]] == [size % 2 == 1 for size in sizes for _ in range(size)]


def test_a_resumed_run_replaces_what_it_repeats(tmp_path):
    ledger = Ledger(tmp_path, run="mine")
    for weight in (0.1, 0.2, 0.3):
        one_epoch(ledger, [1], [weight])
    resumed = Ledger(tmp_path, run="mine", epochs_done=1)
    assert epochs_in(tmp_path) == [1]
    one_epoch(resumed, [1], [0.9])
    assert resumed.summary().last_weight.tolist() == pytest.approx([0.9])
    assert part(tmp_path / "epoch-00001.parquet")["weight"] == pytest.approx([0.1])
    assert resumed.epochs_done == len(Ledger.read(tmp_path)) == 2


def test_killed_while_writing_leaves_the_epochs_before(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path)
    one_epoch(ledger)

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            one_epoch(ledger)
    assert epochs_in(tmp_path) == [1]
    assert len(Ledger.read(tmp_path)) == 1
    assert one_epoch(Ledger(tmp_path, epochs_done=1)).name == "epoch-00002.parquet"
    assert not [left for left in tmp_path.iterdir() if left.name.endswith(".part")]


def test_a_disk_that_refuses_is_one_sentence(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReweighError, match=r"epoch-00001\.parquet: the disk is full"):
        one_epoch(ledger)
    assert list(tmp_path.iterdir()) == []


MISTAKES = {
    "real ids": (([1.5], [1.0]), "whole number"),
    "no ids": ((None, [1.0]), "whole number"),
    "ids in a table": (([[1]], [1.0]), "whole number"),
    "no weights": (([1], None), "weights are None"),
    "too few weights": (([1, 2], [1.0]), r"weights have shape \(1,\) but there are 2 ids"),
    "one loss for all": (([1, 2], [1.0, 1.0], None, 0.5), "losses have shape"),
    "several labels each": (([1], [1.0], None, None, [[0, 1]]), "labels have shape"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_batch(name, tmp_path):
    arguments, said = MISTAKES[name]
    with pytest.raises(BadInput, match=said):
        Ledger(tmp_path).add(*arguments)


def test_mistakes_of_an_epoch(tmp_path):
    ledger = Ledger(tmp_path)
    with pytest.raises(BadInput, match="epoch 1 has no batch"):
        ledger.end_epoch()
    ledger.add([4, 5], [1.0, float("nan")])
    with pytest.raises(NonFinite, match=r"ids \[5\]"):
        ledger.end_epoch()
    ledger.add([1], [1.0], labels=[1])
    ledger.add([1], [1.0])
    with pytest.raises(BadInput, match="always or never"):
        ledger.end_epoch()
    assert list(tmp_path.iterdir()) == []


def test_mistakes_of_a_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BadInput, match="is a file"):
        Ledger(tmp_path / "file")
    with pytest.raises(ReweighError, match="cannot write"):
        Ledger(tmp_path / "file" / "ledger")
    ledger = Ledger(tmp_path / "a", run="mine")
    one_epoch(ledger)
    with pytest.raises(BadInput, match="already holds a ledger of 1 epochs"):
        Ledger(tmp_path / "a", run="mine")
    with pytest.raises(BadInput, match="lacks epoch 2 of the 2"):
        Ledger(tmp_path / "a", run="mine", epochs_done=2)
    with pytest.raises(BadInput, match="of another run"):
        Ledger(tmp_path / "a", run="yours", epochs_done=1)
    assert epochs_in(tmp_path / "a") == [1]


def test_without_pyarrow_it_says_so_at_once(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"reweigh\[cli\]"):
        Ledger(tmp_path)
