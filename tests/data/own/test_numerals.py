"""How numbers are written, found from different words and how often they stand there."""

import numpy as np
import pyarrow as pa
import pytest

from reweigh.data.own.numerals import Written, as_numbers, find_written, says_two_things


@pytest.mark.parametrize(
    ("cells", "style", "unit"),
    [
        (["1.234,5", "7"], "1.000,", ""),
        (["1,234.5", "7"], "1,000", ""),
        (["12,34,567", "1,000"], "1,000", ""),
        (["0,5", "1,234"], ",", ""),
        (["1'234.5"], "1'000.", ""),
        (["1 234,5"], "1 000,", ""),
        (["1.5", "2"], ".", ""),
        (["5 %", "7 %"], ".", "%"),
        (["$5", "7", "($3)"], ".", "$"),
        (["EUR 5,50"], ",", "EUR"),
    ],
)
def test_style_and_unit(cells, style, unit):
    found = find_written(pa.array(cells))
    assert (found.style, found.unit, found.fits) == (style, unit, len(cells))
    assert not as_numbers(pa.array(cells), style, unit).strays.any()


def test_what_does_not_fit_is_told_apart():
    found = find_written(pa.array(["1.5", "2.5", "3,5", "4 kg", "red", "red", "007.0"]))
    assert (found.other, found.mixed, found.strays) == ("3,5", "4 kg", {"red": 2})
    assert find_written(pa.array(["00123", "4 %"])).zeros == "00123"
    assert find_written(pa.array(["red"])) == Written()


def test_two_readings():
    found = find_written(pa.array(["1,234", "5"]))
    assert (found.either, found.rival) == (("1,234", 1234.0, 1.234), ",")
    assert find_written(pa.array(["1,234", "5.5"])).either is None
    assert says_two_things(pa.array(["1.234", "5"])) == ("1.234", 1.234, 1234.0)
    assert says_two_things(pa.array(["1.234", "5.5"])) is None
    assert says_two_things(pa.array(["0.234"])) is None


def test_chunks_are_read_as_one_array():
    chunks = pa.chunked_array([["1,5", "x"], [None, "2,5"]])
    found = as_numbers(chunks, ",")
    np.testing.assert_array_equal(found.values, [1.5, np.nan, np.nan, 2.5])
    assert found.strays.tolist() == [False, True, False, False]


def test_codes_and_dates_are_no_numbers():
    for cell in ("A12", "12/05", "12:30", "2020-01-01", "10.0.0.1", "1-2", "EMP123", "--5", "1,2,3"):
        assert find_written(pa.array([cell])).fits == 0, cell
