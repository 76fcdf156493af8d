import numpy as np
import pyarrow as pa
import pytest

from reweigh.data.own.days import as_days
from reweigh.data.own.numerals import THOUSANDS, as_numbers
from reweigh.data.own.values import as_words, is_text, is_usable


def test_words_are_trimmed_and_the_missing_are_null():
    words = as_words(pa.array(["  a ", "", "NA", "?", None, "=1+1", "none of it"]))
    assert words.to_pylist() == ["a", None, None, None, None, "=1+1", "none of it"]


def test_truth_has_one_spelling():
    assert as_words(pa.array(["True", "FALSE", "true", "x"])).to_pylist() == ["true", "false", "true", "x"]
    assert as_words(pa.array([True, None, False])).to_pylist() == ["true", None, "false"]
    assert is_text(pa.array([True]))


def test_numbers_of_text_and_of_numbers():
    found = as_numbers(pa.array(["1", " 2.5", "", "1e3", "-.5", "x1", "+3", "1,5"]))
    assert found.strays.tolist() == [False] * 5 + [True, False, True]
    np.testing.assert_array_equal(found.values, [1, 2.5, np.nan, 1000, -0.5, np.nan, 3, np.nan])
    np.testing.assert_array_equal(as_numbers(pa.array([1, None, 2**62])).values, [1, np.nan, float(2**62)])


def test_decimal_commas():
    assert as_numbers(pa.array(["1,5", "-0,25", "7"]), ",").values.tolist() == [1.5, -0.25, 7]


def test_commas_between_thousands():
    found = as_numbers(pa.array(["1,234", "999", "1,234,567.5", "-12,000", "1,5"]), THOUSANDS)
    assert found.strays.tolist() == [False] * 4 + [True]
    assert found.values[:4].tolist() == [1234, 999, 1234567.5, -12000]


def test_a_dictionary_of_text_is_text():
    assert as_words(pa.array(["a", "b", "a"]).dictionary_encode()).to_pylist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("layout", "cells"),
    [
        ("iso", ["1970-01-02", "1970-01-03 12:00:00", "1970-01-03T12:00"]),
        ("iso zone", ["1970-01-02T00:00:00Z", "1970-01-03T12:00:00Z", "1970-01-03T13:00:00+01:00"]),
        ("%d.%m.%Y %H:%M", ["02.01.1970 00:00", "03.01.1970 12:00", "03.01.1970 12:00"]),
    ],
)
def test_dates_are_days_since_1970(layout, cells):
    assert as_days(pa.array(cells), layout).values.tolist() == [1, 2.5, 2.5]


def test_a_word_among_dates_is_a_stray():
    found = as_days(pa.array(["1970-01-02", "soon", ""]), "iso")
    assert found.strays.tolist() == [False, True, False]
    np.testing.assert_array_equal(found.values, [1, np.nan, np.nan])


def test_dates_with_a_type():
    days = pa.array([1, 2], pa.date32())
    assert as_days(days, "iso").values.tolist() == [1, 2]


def test_what_cannot_be_used():
    assert not is_usable(pa.array([[1]]))
    assert not is_usable(pa.array([b"x"]))
    assert not is_usable(pa.array([{"a": 1}]))
    assert is_usable(pa.array([1.5]))
