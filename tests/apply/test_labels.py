"""Labels of decisions as targets, and as cells that say the same in the training file's own spelling."""

import pyarrow as pa
import pytest
import torch

from reweigh.apply import Decision
from reweigh.apply.labels import Labels
from reweigh.data.own import Encoding
from reweigh.errors import BadInput


def labels(task, classes, columns, names=("label",), scale=(0.0, 1.0), written=(".", "")):
    encoding = Encoding("table", task, classes, names, (1,), len(classes), {"categories": ()}, scale,
                        {"target_written": list(written)})  # fmt: skip
    return Labels(encoding, [pa.array(column) for column in columns], "noisy.csv")


def cells(found, *texts, rows=None):
    decisions = [Decision("a", "", "change", text, f"line {place + 2} of d.csv") for place, text in enumerate(texts)]
    return found.cells(found.told(decisions, texts), texts, rows or [0] * len(texts))


def test_a_class_is_spelled_as_most_cells_are():
    found = labels("classification", ("1", "2", "other"), [[" 1", "1.0", "1.0", "2", None, "NA"]])
    assert cells(found, "1", "2", "1.0", "other") == [("1.0",), ("2",), ("1.0",), ("other",)]
    typed = labels("classification", ("1", "2"), [[1, 2, 2]])
    assert cells(typed, "1", "2") == [(1,), (2,)]
    truths = labels("classification", ("false", "true"), [[True, False]])
    assert cells(truths, "True", "false") == [(True,), (False,)]


def test_a_label_that_nobody_knows():
    found = labels("classification", ("cat", "dog"), [["cat", "dog"]])
    with pytest.raises(BadInput, match=r"line 3 of d.csv has the label 'dgo'.*correct it to one of 'cat', 'dog'"):
        cells(found, "cat", "dgo")
    with pytest.raises(BadInput, match=r"line 2 of d.csv has no label"):
        cells(found, "")


def test_several_labels_in_one_cell_stand_as_the_column_has_them():
    found = labels("multi-label", ("a", "b", "c"), [["a|b", "b", None, "c|a"]])
    assert cells(found, "b; a", "a|c", "", "b;c") == [("a|b",), ("c|a",), ("",), ("b|c",)]
    with pytest.raises(BadInput, match=r"line 2 of d.csv has the label 'x'"):
        cells(found, "a;x")


def test_several_columns_say_yes_and_no_each_in_its_own_way():
    names = ("hot", "cold")
    found = labels("multi-label", names, [["yes", "no", "no"], [1, 0, 1]], names)
    assert cells(found, "hot", "", "cold; hot", rows=[2, 0, 1]) == [("yes", 0), ("no", 0), ("yes", 1)]
    odd = labels("multi-label", names, [["Y", "yes", "yes", "no", "NA", "NA", "NA"], [1, 0, 1, 1, 0, 0, 0]], names)
    assert cells(odd, "hot", "cold") == [
        ("Y", 0),
        ("no", 1),
    ]  # what says the same stays, and what says nothing is no word
    with pytest.raises(BadInput, match=r"has the label 'warm', which is no target of the run"):
        cells(found, "warm")
    with pytest.raises(BadInput, match=r"is 'yes' in all rows"):
        cells(labels("multi-label", names, [["yes", "yes"], [1, 0]], names), "hot")


def test_numbers_in_the_way_of_the_column():
    found = labels("regression", ("price",), [["1,5", "2,25"]], scale=(2.0, 0.5), written=(",", ""))
    assert cells(found, "2.25", "3.5", "3,75") == [("2,25",), ("3,5",), ("3,75",)]
    with pytest.raises(BadInput, match=r"line 3 of d.csv has 'dear' in the target 'label', which is no number"):
        cells(found, "1", "dear")
    kilos = labels("regression", ("m",), [["1 kg", "2 kg"]], scale=(1.5, 0.5), written=(".", "kg"))
    assert cells(kilos, "3 kg") == [("3 kg",)]


def test_numbers_with_fewer_digits_are_the_same():
    numbers = labels("regression", ("price",), [["1", "2"]], scale=(1.5, 0.5))
    assert numbers.same(torch.tensor([1.0, 1.0]), torch.tensor([1.00001, 1.01])).tolist() == [True, False]
    far = labels("regression", ("time",), [["1e6", "1000001"]], scale=(1e6, 0.5))
    assert far.same(torch.tensor([1.0, 1.0]), torch.tensor([2.0, 9.0])).tolist() == [
        True,
        False,
    ]  # written with six digits
    same = labels("multi-label", ("a", "b"), [["a", "b"]]).same
    assert same(torch.tensor([20_000, 3]), torch.tensor([20_001, 3])).tolist() == [False, True]
    assert same(torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])).tolist() == [
        True,
        False,
    ]
