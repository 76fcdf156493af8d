import numpy as np
import pyarrow as pa
import torch

from reweigh.data.own.rows import Rows
from reweigh.data.own.targets import as_classes, as_flags, is_missing, numbers_in, several


def test_one_class_has_one_spelling():
    codes, values = as_classes(pa.array(["1", "1.0", " 2 ", None, "", "x"]))
    assert values == ["1", "2", "x"]
    assert codes.tolist() == [0, 0, 1, -1, -1, 2]
    assert as_classes(pa.array([1.0, 2.0, float("nan")])).values == ["1", "2"]


def test_whole_numbers_keep_all_their_digits():
    assert as_classes(pa.array([2**63 - 1, 2**63 - 2])).values == ["9223372036854775807", "9223372036854775806"]


def test_none_may_be_a_class():
    assert as_classes(pa.array(["None", "some"])).values == ["None", "some"]


def test_flags():
    np.testing.assert_array_equal(as_flags(pa.array(["yes", "0", "T", ""]), "a", "f"), [1, 0, 1, np.nan])
    np.testing.assert_array_equal(as_flags(pa.array([1.0, 0.0]), "a", "f"), [1, 0])


def test_several_labels_of_a_cell():
    codes, sets = several(pa.array(["a;b", "", "b | a", "c", "a;b"]))
    assert [sorted(sets[code]) for code in codes] == [["a", "b"], [], ["a", "b"], ["c"], ["a", "b"]]


def test_numbers_with_decimal_commas():
    assert numbers_in(pa.array(["1,5", "2,5"])).values.tolist() == [1.5, 2.5]
    assert numbers_in(pa.array(["1,5", "x"])).strays.all()


def test_a_row_that_lacks_one_of_several_targets_lacks_its_label():
    rows = Rows("f", torch.zeros(3, 1), (pa.array(["1", "", "0"]), pa.array([1.0, 0.0, None])))
    assert is_missing(rows).tolist() == [False, True, True]
