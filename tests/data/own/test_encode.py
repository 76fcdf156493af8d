import numpy as np
import pyarrow as pa

from reweigh.data.own.encode import arranged, categories, encode, width

NUMBER = {
    "name": "n",
    "kind": "number",
    "mean": 10.0,
    "deviation": 2.0,
    "missing": True,
    "decimal": ".",
    "lenient": False,
}
PLAIN = NUMBER | {"name": "p", "missing": False}
WORDS = {"name": "w", "kind": "category", "values": ["a", "b"]}
DATE = {"name": "d", "kind": "date", "mean": 1.0, "deviation": 0.5, "missing": False, "layout": "iso"}
PLANS = arranged([WORDS, NUMBER, DATE, PLAIN])


def batch(**columns):
    whole = {"w": ["a", "z", None], "n": ["12", "", "8"], "d": ["1970-01-02", "1970-01-03", ""], "p": ["10", "", "14"]}
    return pa.record_batch({name: pa.array(cells) for name, cells in (whole | columns).items()})


def test_numbers_come_first_with_their_gaps_and_codes_last():
    assert [plan["name"] for plan in PLANS] == ["n", "d", "p", "w"]
    assert (width(PLANS), categories(PLANS)) == (5, (3,))
    expected = [[1, 0, 0, 0, 1], [0, 1, 2, 0, 0], [-1, 0, 0, 2, 0]]
    np.testing.assert_array_equal(encode(batch(), PLANS, "f", 0), expected)


def test_types_of_parquet_give_the_same_numbers():
    typed = batch(n=[12.0, None, 8.0], d=pa.array([1, 2, None], pa.date32()), p=[10, None, 14])
    np.testing.assert_array_equal(encode(typed, PLANS, "f", 0), encode(batch(), PLANS, "f", 0))


def test_the_row_of_a_stray_counts_from_the_start_of_the_file(refused):
    with refused("row 1002 of f", "'?!'", "column 'p'"):
        encode(batch(p=["1", "2", "?!"]), PLANS, "f", 1000)


def test_words_are_missing_where_the_training_file_had_some():
    lenient = PLAIN | {"lenient": True, "missing": True}
    assert encode(batch(p=["1", "2", "?!"]), [lenient], "f", 0)[2].tolist() == [0, 1]


def test_dates_where_numbers_were_and_the_other_way_round(refused):
    with refused("holds dates"):
        encode(batch(p=pa.array([1, 2, 3], pa.date32())), PLANS, "f", 0)
    with refused("holds no dates"):
        encode(batch(d=[1, 2, 3]), PLANS, "f", 0)
    with refused("holds lists"):
        encode(batch(w=[[1], [2], [3]]), PLANS, "f", 0)
