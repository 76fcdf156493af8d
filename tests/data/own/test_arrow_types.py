import pyarrow as pa
import pytest

from reweigh.data.own.arrow_types import plain


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array([0.5], pa.float16()), [0.5]),
        (pa.array([1, 2, None]).dictionary_encode(), ["1", "2", None]),
        (pa.chunked_array([["a"], ["b"]]).dictionary_encode(), ["a", "b"]),
        (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]), ["a", "a", "b"]),
    ],
)
def test_plain_types(column, cells):
    assert plain(column).to_pylist() == cells


def test_numbers_that_are_names():
    assert plain(pa.array([3, 1]), as_names=True).to_pylist() == ["3", "1"]
    assert plain(pa.array([3, 1])).to_pylist() == [3, 1]
    assert plain(pa.array([[1]]), as_names=True).to_pylist() == [[1]]
