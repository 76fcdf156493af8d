import pyarrow as pa
import pytest
import torch

from reweigh.data.own.labels import TargetColumns
from reweigh.data.own.rows import Rows
from reweigh.tasks import task_named


def rows(*columns, where="f"):
    cells = Rows(where, torch.zeros(len(columns[0]), 1), tuple(pa.array(column) for column in columns))
    return TargetColumns(cells, ("t",) if len(columns) == 1 else ("a", "b"))


def test_classes_are_those_of_both_parts_in_order():
    labels = task_named("classification").fit(rows(["10", "9", "b"]), (rows([9.0, 2.0]),))
    assert labels.classes == ("2", "9", "10", "b")
    assert labels.encode(rows([10, 2])).tolist() == [2, 0]


def test_a_regression_is_scaled_by_the_training_part():
    labels = task_named("regression").fit(rows([1.0, 3.0, None]), ())
    assert (labels.classes, labels.scale) == (("t",), (2.0, 1.0))
    y = labels.encode(rows(["2", "5"]))
    assert (y.dtype, y.tolist()) == (torch.float32, [0, 3])


def test_several_columns_are_several_labels():
    labels = task_named("multi-label").fit(rows(["1", "0"], ["no", "yes"]), ())
    assert labels.classes == ("a", "b")
    assert labels.encode(rows([True, False], [1, 0])).tolist() == [[1, 1], [0, 0]]
    assert labels.missing(rows([True, None], [1, 0])).tolist() == [False, True]


def test_an_empty_cell_of_several_labels_says_none_of_them():
    labels = task_named("multi-label").fit(rows(["a;b", "c", ""]), (rows(["d"]),))
    assert labels.classes == ("a", "b", "c", "d")
    assert labels.encode(rows(["", "d|a"])).tolist() == [[0, 0, 0, 0], [1, 0, 0, 1]]
    assert not labels.missing(rows(["", "a"])).any()


@pytest.mark.parametrize(("task", "cells"), [("classification", ["a", "b", "z"]), ("multi-label", ["a;b", "b", "b;z"])])
def test_a_label_that_was_not_learned_is_refused(task, cells, refused):
    labels = task_named(task).fit(rows(["a", "b"]), ())
    with refused("row 2 of test.csv", "'z'", "'a', 'b'"):
        labels.encode(rows(cells, where="test.csv"))
