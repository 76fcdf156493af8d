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


def encoded(table, plans=PLANS):
    return encode([table.column(plan["name"]) for plan in plans], plans, "f", len(table)).x


def batch(**columns):
    whole = {"w": ["a", "z", None], "n": ["12", "", "8"], "d": ["1970-01-02", "1970-01-03", ""], "p": ["10", "", "14"]}
    return pa.table({name: pa.array(cells) for name, cells in (whole | columns).items()})


def test_numbers_come_first_with_their_gaps_and_codes_last():
    assert [plan["name"] for plan in PLANS] == ["n", "d", "p", "w"]
    assert (width(PLANS), categories(PLANS)) == (5, (3,))
    expected = [[1, 0, 0, 0, 1], [0, 1, 2, 0, 0], [-1, 0, 0, 2, 0]]
    np.testing.assert_array_equal(encoded(batch()), expected)


def test_types_of_parquet_give_the_same_numbers():
    typed = batch(n=[12.0, None, 8.0], d=pa.array([1, 2, None], pa.date32()), p=[10, None, 14])
    np.testing.assert_array_equal(encoded(typed), encoded(batch()))


def test_the_row_of_a_stray_is_named(refused):
    with refused("row 2 of f", "'?!'", "column 'p'"):
        encoded(batch(p=["1", "2", "?!"]))


def test_words_are_missing_where_the_training_file_had_some():
    lenient = PLAIN | {"lenient": True, "missing": True}
    assert encoded(batch(p=["1", "2", "?!"]), [lenient])[2].tolist() == [0, 1]


def test_dates_where_numbers_were_and_the_other_way_round(refused):
    with refused("holds dates"):
        encoded(batch(p=pa.array([1, 2, 3], pa.date32())))
    with refused("holds no dates"):
        encoded(batch(d=[1, 2, 3]))
    with refused("holds lists"):
        encoded(batch(w=[[1], [2], [3]]))
