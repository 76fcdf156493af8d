import torch

from reweigh.data.own import overlap
from reweigh.data.own.overlap import shared
from reweigh.data.own.rows import Rows

TRAIN = torch.tensor([[1.0, 2], [3, 4], [1, 2], [5, 6], [3, 4]])


def test_rows_of_tables_are_taken_once_for_each_clean_one():
    clean = Rows("c", torch.tensor([[1.0, 2], [3, 4], [3, 4], [3, 4], [9, 9]]))
    assert shared(Rows("t", TRAIN), clean, "table").tolist() == [0, 1, -1, -1, 2]


def test_texts_that_are_alike_are_all_taken():
    clean = Rows("c", torch.tensor([[1.0, 2]]))
    assert shared(Rows("t", TRAIN), clean, "text").tolist() == [0, -1, 0, -1, -1]


def test_names_decide_where_both_have_them():
    train, clean = Rows("t", TRAIN, keys=list("abcde")), Rows("c", TRAIN[:2] + 7, keys=["e", "z"])
    assert shared(train, clean, "table").tolist() == [-1] * 4 + [0]


def test_images_are_compared_by_their_pixels_whatever_their_names():
    pixels = torch.randint(0, 256, (4, 3, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train, clean = Rows("t", pixels, keys=list("abcd")), Rows("c", pixels[[2]], keys=["a"])
    assert shared(train, clean, "images").tolist() == [-1, -1, 0, -1]


def test_a_collision_takes_no_example_away(monkeypatch):
    import numpy as np

    monkeypatch.setattr(overlap, "_digests", lambda rows: np.zeros(len(rows), dtype=np.uint64))
    assert shared(Rows("t", TRAIN), Rows("c", TRAIN[[3]]), "table").tolist() == [-1, -1, -1, 0, -1]
