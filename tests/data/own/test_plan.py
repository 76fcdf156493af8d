"""What becomes of a column, from its cells."""

import numpy as np
import pyarrow as pa
import pytest

from reweigh.data.own.decided import left_out_notes
from reweigh.data.own.plan import decide

RANDOM = np.random.default_rng(0)


def decided(*blocks):
    arrays = [block if isinstance(block, pa.Array) else pa.array(block) for block in blocks]
    found = decide("c", pa.chunked_array(arrays), "train.csv")
    notes = [*left_out_notes({"c": found}), *found.notes]
    return found.plan, notes[0] if notes else None


def test_numbers_with_and_without_gaps():
    plan, note = decided(["1", "2.5"], ["", "4"])
    assert (plan["kind"], plan["missing"], plan["mean"], note) == ("number", True, pytest.approx(2.5), None)
    assert not decided([1.5, 2.5, 0.5])[0]["missing"]


def test_a_few_words_among_numbers_count_as_missing_and_are_said():
    plan, note = decided([str(number) for number in RANDOM.normal(size=99)] + ["unknown"])
    assert (plan["kind"], plan["lenient"], plan["missing"]) == ("number", True, True)
    assert "1 cell with words ('unknown')" in note


def test_words_that_come_later_make_categories():
    plan, _ = decided(["1", "2", "1"], ["red", "1", "red", "2"])
    assert (plan["kind"], plan["values"]) == ("category", ["1", "2", "red"])


def test_truth_values_are_categories_however_they_come():
    assert decided([True, False, True])[0] == decided(["True", "False", "true"])[0]
    assert decided([True, False, True])[0]["values"] == ["false", "true"]


def test_dates_in_text_and_with_a_type():
    text = decided(["2020-01-01", "2020-01-03", "2020-01-05"])[0]
    typed = decided(pa.array([18262, 18264, 18266], pa.date32()))[0]
    assert text == typed
    assert (text["kind"], text["layout"], text["mean"]) == ("date", "iso", 18264)


def test_ambiguous_dates_are_said_and_unambiguous_ones_are_not():
    plan, note = decided(["01/02/2020", "03/04/2020"])
    assert (plan["layout"], "month/day" in note) == ("%m/%d/%Y", True)
    plan, note = decided(["01/02/2020", "23/04/2020"])
    assert (plan["layout"], note) == ("%d/%m/%Y", None)


def test_decimal_commas_are_remembered():
    assert decided(["1,5", "2,5", "3"])[0]["decimal"] == ","
    plan = decided(["1,234", "2,500,000", "3"])[0]
    assert (plan["decimal"], plan["mean"]) == ("1,000", pytest.approx(2501237 / 3))


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["", "NA", None], "no value"),
        (["5", "5", "5"], "the same in every row"),
        (["a", "a", "a"], "the same in every row"),
        (["2020-01-01"] * 3, "the same in every row"),
        (["17", "18", "19", "20"], "numbers the rows"),
        ([2**60 + 10 * number for number in range(50)], "2^53"),
        ([f"person {number}" for number in range(50)], "different in almost every row"),
        ([f"{number % 70} " + "words " * 30 for number in range(100)], "free text"),
        ([[1], [2]], "lists"),
    ],
)
def test_columns_that_teach_nothing_are_left_out_and_said(cells, why):
    plan, note = decided(cells)
    assert plan is None
    assert "column 'c' is not learned from" in note
    assert why in note


def test_words_among_which_a_few_could_be_numbers_are_categories():
    plan, _ = decided(["a", "b"] * 5, ["a", "inf", ""], ["1e999"])
    assert plan["values"] == ["1e999", "a", "b", "inf"]


def test_only_the_most_frequent_of_very_many_categories_have_a_code(monkeypatch):
    monkeypatch.setattr("reweigh.data.own.plan.MOST_CATEGORIES", 3)
    plan, note = decided([*"aaabbbcccd", *"aabbccde"])
    assert plan["values"] == ["a", "b", "c"]
    assert "3 most frequent" in note
