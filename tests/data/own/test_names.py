import numpy as np
import pyarrow as pa
import pytest

from reweigh.data.own import Names
from reweigh.data.own.names import Stretch


def test_rows_have_numbers_and_others_say_where_they_are_from():
    names = Names(Stretch(0, 3), Stretch(3, 2, ["a", "b"], " of checked.csv"))
    assert list(names) == ["row 0", "row 1", "row 2", "a of checked.csv", "b of checked.csv"]
    assert (names[2], names[4], len(names)) == ("row 2", "b of checked.csv", 5)


@pytest.mark.parametrize("identity", [-1, 3, 5, 99])
def test_an_id_that_nobody_has(identity):
    with pytest.raises(KeyError):
        Names(Stretch(0, 3), Stretch(4, 1))[identity]


@pytest.mark.parametrize("ids", [[0, 2, 3, 4], [4, 0, 3, 1, 1], [2], []])
def test_a_column_of_names_is_those_of_its_ids(ids):
    for values in (["a", "b"], pa.array(["a", "b"]), pa.chunked_array([["a"], ["b"]])):
        names = Names(Stretch(0, 3), Stretch(3, 2, values, " of checked.csv"))
        found = names.column(np.array(ids, dtype=np.int64))
        assert found.to_pylist() == [names[identity] for identity in ids]


@pytest.mark.parametrize("identity", [-1, 3, 5, 99])
def test_a_column_with_an_id_that_nobody_has(identity):
    with pytest.raises(KeyError):
        Names(Stretch(0, 3), Stretch(4, 1)).column(np.array([0, identity]))
