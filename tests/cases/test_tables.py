"""Tables that were read otherwise than they are meant, without a word."""

import json

import numpy as np
import pytest

from reweigh.cli.guard import run
from reweigh.errors import BadInput
from small_tables import ROWS, column, read, table


def test_a_tenth_unknown_leaves_a_column_of_numbers(tmp_path):
    own = read(table(tmp_path, lambda row: "unknown" if row % 10 == 3 else f"{row * 1.7:.2f}"))
    plan, values = column(own)
    assert (plan["kind"], plan["missing"]) == ("number", True)
    assert np.isnan(values[3])
    assert values[4] == pytest.approx(6.8, rel=1e-5)
    assert any("4 cells with words ('unknown' 4 times)" in note for note in own.notes)
    [told] = own.told.values()
    assert told["columns"]["v"]["missing_words"] == {"unknown": 4}


@pytest.mark.parametrize("word", ["N/A", "?", "-", "missing", "#N/A", "not available", "--", ".", "NULL", "Unknown"])
def test_words_for_nothing_among_numbers_in_any_share(tmp_path, word):
    own = read(table(tmp_path, lambda row: word if row % 3 == 0 else f"{row * 1.7:.2f}"))
    plan, values = column(own)
    assert plan["kind"] == "number"
    assert int(np.isnan(values).sum()) == 14
    assert any(repr(word) in note and "14 times" in note for note in own.notes)


def test_codes_some_of_which_are_letters_stay_words(tmp_path):
    codes = [*map(str, range(1, 9)), "X", "Y"]
    own = read(table(tmp_path, lambda row: codes[row % 10]))
    assert column(own)[1] == [codes[row % 10] for row in range(ROWS)]


def test_one_word_of_any_kind_among_many_different_numbers(tmp_path):
    own = read(table(tmp_path, lambda row: "refused" if row % 8 == 3 else f"{row * 1.7:.2f}"))
    assert int(np.isnan(column(own)[1]).sum()) == 5
    assert any("'refused' 5 times" in note for note in own.notes)


NUMBERS = {
    "points between thousands, decimal commas": lambda n: f"{n:,.2f}".translate(str.maketrans(",.", ".,")),
    "commas between thousands": lambda n: f"{n:,.2f}",
    "blanks between thousands": lambda n: f"{n:,.2f}".replace(",", " ").replace(".", ","),
    "narrow blanks": lambda n: f"{n:,.2f}".replace(",", "\u202f").replace(".", ","),
    "apostrophes": lambda n: f"{n:,.2f}".replace(",", "'"),
    "decimal commas": lambda n: f"{n:.2f}".replace(".", ","),
    "percent": lambda n: f"{n:.2f}%",
    "a currency in front": lambda n: f"-${-n:,.2f}" if n < 0 else f"${n:,.2f}",
    "a currency behind": lambda n: f"{n:.2f} €",
    "a unit": lambda n: f"{n:.2f} kg",
    "brackets below zero": lambda n: f"({-n:.2f})" if n < 0 else f"{n:.2f}",
    "a minus behind": lambda n: f"{-n:.2f}-" if n < 0 else f"{n:.2f}",
    "a real minus": lambda n: f"{n:.2f}".replace("-", "\u2212"),
    "powers of ten": lambda n: f"{n:.6e}",
}


@pytest.mark.parametrize("way", NUMBERS)
def test_numbers_as_people_write_them(tmp_path, way):
    meant = [(-1) ** row * (row + 1) * 1234.56 for row in range(ROWS)]
    own = read(table(tmp_path, lambda row: NUMBERS[way](round(meant[row], 2)), delimiter=";"))
    plan, values = column(own)
    assert plan["kind"] == "number"
    np.testing.assert_allclose(values, meant, rtol=1e-4)


@pytest.mark.parametrize(("cell", "readings"), [('"{0},234"', "1,234"), ("{0}.234", "1.234")])
def test_what_can_be_read_in_two_ways_is_said(tmp_path, cell, readings):
    own = read(table(tmp_path, lambda row: cell.format(row + 1)))
    assert any(repr(readings) in note and "though it could be" in note for note in own.notes)


def test_a_late_cell_decides_how_all_are_read(tmp_path):
    own = read(table(tmp_path, lambda row: f'"{row},234"' if row < ROWS - 1 else '"0,5"'))
    np.testing.assert_allclose(column(own)[1][:3], [0.234, 1.234, 2.234], rtol=1e-4)


@pytest.mark.parametrize("odd", ['"5,5"', '"1.234,5"', '"1 000,5"'])
def test_numbers_written_in_two_ways_are_refused(tmp_path, odd):
    with pytest.raises(BadInput, match="writes numbers in two ways"):
        read(table(tmp_path, lambda row: odd if row % 2 else f"{row}.5"))


def test_units_that_differ_are_words(tmp_path):
    own = read(table(tmp_path, lambda row: f"{row % 4} kg" if row % 2 else f"{row % 4} g"))
    assert column(own)[0]["kind"] == "category"
    assert any("units differ" in note for note in own.notes)


@pytest.mark.parametrize("cells", [lambda row: f"{row % 6:05}", lambda row: f"0{row % 5}"])
def test_numbers_with_zeros_in_front_are_names(tmp_path, cells):
    own = read(table(tmp_path, cells))
    assert column(own)[1] == [cells(row) for row in range(ROWS)]
    assert any("zeros in front" in note for note in own.notes)


def test_whole_numbers_that_a_float_cannot_tell_apart_are_names(tmp_path):
    own = read(table(tmp_path, lambda row: str(2**60 + row % 5)))
    assert column(own)[1] == [str(2**60 + row % 5) for row in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (lambda row: f"{row % 28 + 1:02}/02/20", 18293),  # the year 20 was the year 20
        (lambda row: f"{row % 28 + 1} Feb 2020", 18293),
        (lambda row: f"{row % 28 + 1:02}-02-2020", 18293),
        (lambda row: f"{row % 24:02}:30", 0.5 / 24),
        (lambda row: f"{row} days 12:00:00", 0.5),
        (lambda row: f"PT{row}H30M", 0.5 / 24),
    ],
)
def test_dates_times_and_durations(tmp_path, cells, first):
    plan, values = column(read(table(tmp_path, cells)))
    assert plan["kind"] == "date"
    assert values[0] == pytest.approx(first, rel=1e-4, abs=1e-5)


def test_a_day_that_no_month_has_is_missing_and_said(tmp_path):
    own = read(table(tmp_path, lambda row: "31/02/2020" if row == 5 else f"{row % 28 + 1}/02/2020"))
    assert np.isnan(column(own)[1][5])
    assert any("'31/02/2020'" in note for note in own.notes)


def test_what_was_read_is_in_the_summary(tmp_path, capsys):
    path = table(tmp_path, lambda row: "unknown" if row % 9 == 3 else f'"{row},{row:02}"')
    said = [
        "train",
        "--train",
        path,
        "--clean-column",
        "ok",
        "--target",
        "label",
        "--steps",
        "3",
        "--rule",
        "l2rw",
        "--quick",
    ]
    assert run([*said, "--output", str(tmp_path / "run")]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    told = summary["read"]["files"][path]
    assert told["rows"] == ROWS
    assert told["columns"]["v"]["missing_words"] == {"unknown": 5}
    assert any("'10,10' as 10.1" in note for note in summary["read"]["notes"])
    assert "'unknown' 5 times" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("ids", ["007\n003\n", "1.5\n", "9" * 5000])
def test_row_numbers_are_written_plainly_or_refused(tmp_path, ids):
    (tmp_path / "ids.txt").write_text(ids)
    with pytest.raises(BadInput, match="row numbers from 0"):
        read(table(tmp_path, lambda row: str(row * row)), clean_column=None, clean_ids=str(tmp_path / "ids.txt"))


def test_names_that_became_floats_are_found(tmp_path):
    (tmp_path / "ids.txt").write_text("".join(f"{row}\n" for row in range(100, 114)))
    path = table(tmp_path, lambda row: f"{100 + row}.0")
    own = read(path, clean_column=None, id_column="v", clean_ids=str(tmp_path / "ids.txt"))
    assert sorted(own.clean.ids.tolist() + own.test.ids.tolist()) == list(range(14))


def test_a_question_mark_is_no_number_to_learn(tmp_path):
    path = table(tmp_path, lambda row: "?" if row == 20 else f"{row * 1.1:.2f}")
    own = read(path, target="v", task="regression")
    assert 20 not in own.train.ids.tolist()
    assert any("1 example without a label" in note for note in own.notes)


def test_names_of_digits_beside_a_word_for_nothing(tmp_path):
    own = read(table(tmp_path, lambda row: "unknown" if row % 9 == 3 else f"{row % 6:05}"))
    assert column(own)[1][:4] == ["00000", "00001", "00002", "unknown"]
    assert any("zeros in front" in note for note in own.notes)


def test_dates_beside_a_word_for_nothing(tmp_path):
    own = read(table(tmp_path, lambda row: "unknown" if row % 3 == 0 else f"2020-01-{row % 28 + 1:02}T06:00:00"))
    plan, values = column(own)
    assert plan["kind"] == "date"
    assert np.isnan(values[0])
    assert values[1] == pytest.approx(18263.25, abs=1e-3)
    assert any("'unknown' 14 times" in note for note in own.notes)
