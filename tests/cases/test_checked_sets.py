"""Checked sets that are not like the training file in everything: read as they are meant, or refused in a sentence."""

import numpy as np
import pandas as pd
import pytest
import torch

from reweigh.data.own import Sources, read_new, read_own
from reweigh.errors import BadInput

DRAW = np.random.default_rng(0)


def both(tmp_path, train, clean, end=("csv", "csv"), **said):
    """A training file with the column v of `train` and a clean one with that of `clean`, beside a number and two classes."""
    paths = []
    for name, cells, kind in (("train", train, end[0]), ("clean", clean, end[1])):
        frame = pd.DataFrame({"v": cells, "z": DRAW.normal(size=len(cells)), "label": ["a", "b"] * (len(cells) // 2)})
        paths.append(str(tmp_path / f"{name}.{kind}"))
        frame.to_csv(paths[-1], index=False) if kind == "csv" else frame.to_parquet(paths[-1])
    return read_own(
        Sources(**{"train": paths[0], "clean": paths[1], "target": "label", "test_share": 0.2} | said), seed=0
    )


def cells(own, name="v"):
    """The clean file's cells of a column, in its order."""
    x = torch.cat([own.clean.x, own.test.x])[torch.cat([own.clean.ids, own.test.ids]).argsort()].double()
    place = 0
    for plan in own.encoding.reader["columns"]:
        if plan["name"] == name:
            if plan["kind"] == "category":
                return [None if code == 0 else plan["values"][int(code) - 1] for code in x[:, place]]
            return (x[:, place] * plan["deviation"] + plan["mean"]).numpy()
        place += 1 + bool(plan.get("missing"))
    return None


NUMBERS = DRAW.normal(5000, 900, 60).round(2)
MEANT = DRAW.normal(5000, 900, 12).round(2)


@pytest.mark.parametrize("end", [("csv", "parquet"), ("parquet", "parquet"), ("parquet", "csv")])
@pytest.mark.parametrize(
    ("train", "clean"),
    [
        ([f"2020-01-{1 + row % 28:02}" for row in range(60)], [None] * 12),
        (pd.date_range("2020-01-01", periods=60), [float("nan")] * 12),
        ([0, 1] * 30, [True] * 12),
        ([True, False] * 30, [1] * 12),
        ([True, False] * 30, [1.0] * 12),
        (list(range(0, 120, 2)), [5.0] * 12),
    ],
)
def test_a_column_that_is_constant_in_the_checked_set(tmp_path, train, clean, end):
    found = cells(both(tmp_path, train, clean, end))
    if clean[0] == 5.0:
        assert found == pytest.approx([5] * 12, rel=1e-4)
    elif clean[0] in (True, 1):
        assert list(found) in (["true"] * 12, pytest.approx([1] * 12, rel=1e-4))


WAYS = {
    "decimal commas": lambda n: f"{n:.2f}".replace(".", ","),
    "points and commas": lambda n: f"{n:,.2f}".translate(str.maketrans(",.", ".,")),
    "commas and points": lambda n: f"{n:,.2f}",
    "apostrophes": lambda n: f"{n:,.2f}".replace(",", "'"),
}


@pytest.mark.parametrize("clean", WAYS)
@pytest.mark.parametrize("train", ["plain", *WAYS])
def test_other_decimal_marks_than_in_the_training_file(tmp_path, train, clean):
    written = [WAYS.get(train, "{}".format)(number) for number in NUMBERS]
    own = both(tmp_path, written, [WAYS[clean](number) for number in MEANT])
    np.testing.assert_allclose(cells(own), MEANT, rtol=1e-4)


@pytest.mark.parametrize("mark", [",", "."])
def test_a_thousand_is_told_from_a_decimal_by_the_training_file(tmp_path, mark):
    whole = MEANT.round().astype(int)
    own = both(tmp_path, NUMBERS, [f"{number:,}".replace(",", mark) for number in whole])
    np.testing.assert_allclose(cells(own), whole, rtol=1e-4)
    assert any("are written otherwise than in the training file" in note for note in own.notes)


def test_small_numbers_with_three_decimals_stay_small(tmp_path):
    small = (NUMBERS / 1000).round(4)
    own = both(tmp_path, small, [f"{number / 1000:.3f}" for number in MEANT])
    np.testing.assert_allclose(cells(own), MEANT / 1000, rtol=1e-3)


def test_targets_of_a_regression_with_other_decimal_marks(tmp_path):
    for name, numbers, way in (("train", NUMBERS, "{}".format), ("clean", MEANT, WAYS["points and commas"])):
        frame = pd.DataFrame({"z": DRAW.normal(size=len(numbers)), "price": [way(number) for number in numbers]})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    said = {"train": str(tmp_path / "train.csv"), "clean": str(tmp_path / "clean.csv"), "target": "price"}
    own = read_own(Sources(**said, task="regression"), seed=0)
    y = torch.cat([own.clean.y, own.test.y])[torch.cat([own.clean.ids, own.test.ids]).argsort()]
    mean, deviation = own.encoding.target_scale
    np.testing.assert_allclose(y.double() * deviation + mean, MEANT, rtol=1e-4)
    assert any("price" in note and "written otherwise" in note for note in own.notes)


def test_other_categories_are_counted_and_said(tmp_path):
    own = both(tmp_path, ["red", "green"] * 30, ["red", "blue", "mauve"] * 4)
    assert cells(own) == ["red", None, None] * 4
    assert any("8 cells of column 'v'" in note and "'blue', 'mauve'" in note for note in own.notes)
    assert own.told[str(tmp_path / "clean.csv")]["columns"]["v"] == {"unknown": 8}


def test_categories_that_became_floats_are_the_same(tmp_path):
    own = both(tmp_path, ["1", "2", "x"] * 20, [1.0, 2.0, float("nan")] * 4)
    assert cells(own) == ["1", "2", None] * 4


def test_gaps_where_the_training_file_has_none_are_said(tmp_path):
    own = both(tmp_path, NUMBERS, [*MEANT[:10], None, None])
    assert any("2 cells of column 'v'" in note and "are missing" in note for note in own.notes)


@pytest.mark.parametrize("clean", [["5 kg"] * 12, ["12 %", "13 %"] * 6, ["soon"] * 12])
def test_what_is_no_such_number_is_refused(tmp_path, clean):
    with pytest.raises(BadInput, match=r"row 0 of .* which is no number as in the training file"):
        both(tmp_path, NUMBERS, clean)


def test_a_unit_that_the_training_file_has_is_needed(tmp_path):
    with pytest.raises(BadInput, match=r"row 0 of .*'0\.5'"):
        both(tmp_path, [f"{number}%" for number in NUMBERS], [0.5] * 12)


def test_columns_in_another_order_and_more_of_them(tmp_path):
    both(tmp_path, NUMBERS, MEANT)
    frame = pd.read_csv(tmp_path / "clean.csv").assign(more=1)[["more", "label", "z", "v"]]
    frame.to_csv(tmp_path / "other.csv", index=False)
    said = {"train": str(tmp_path / "train.csv"), "clean": str(tmp_path / "other.csv"), "target": "label"}
    np.testing.assert_allclose(cells(read_own(Sources(**said), seed=0)), MEANT, rtol=1e-4)


def test_new_rows_are_read_by_the_same_rule(tmp_path):
    own = both(tmp_path, NUMBERS, MEANT)
    pd.DataFrame({"v": ["5.123", "4.877"], "z": [0, 1]}).to_csv(tmp_path / "new.csv", index=False)
    new = read_new(tmp_path / "new.csv", own.encoding)
    plan = own.encoding.reader["columns"][0]
    assert (new.x[:, 0] * plan["deviation"] + plan["mean"]).tolist() == pytest.approx([5123, 4877], rel=1e-4)
    assert any("written otherwise" in note for note in new.notes)
