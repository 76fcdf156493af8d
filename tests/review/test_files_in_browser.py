"""decisions.csv in Chromium: what is written, what is read back, and what a spreadsheet makes of it in between."""

import csv
import io

import pytest

from .made import keys, opened, saved, told


def loaded(page, tmp_path, content):
    path = tmp_path / "d.csv"
    path.write_bytes(content.encode())
    page.evaluate("document.getElementById('notice').hidden = true")
    page.set_input_files("#file", path)
    page.wait_for_selector("#notice:not([hidden])")
    return page.inner_text("#notice")


ODD = ['say "no", or', " spaced ", "semi;colon", "new\nline", "=1+1", "'=quoted", "ü 漢字 \u202e x", "-5", "tab\there"]


def odd():
    """Suspects whose names and labels hold what CSV files and spreadsheets stumble over."""
    from reweigh.tables import cell

    content = told(len(ODD), ["given, as it is", *ODD])
    for one, identity in zip(content["suspects"], ODD, strict=True):
        one["id"] = identity
    return content | {"written": {text: cell(text) for text in ODD if cell(text) != text}}


def test_names_and_labels_come_back_as_they_are(browser, tmp_path):
    content = odd()
    with opened(browser, tmp_path, content) as page:
        for k in range(len(ODD)):
            keys(page, "1234567890"[k + 1])
        text = saved(page)
        parsed = list(csv.reader(io.StringIO(text, newline="")))
        wanted = [content["written"].get(name, name) for name in ODD]
        assert parsed[1:] == [[name, "given, as it is", "change", name] for name in wanted]
        assert parsed[5] == ["'=1+1", "given, as it is", "change", "'=1+1"]
        assert parsed[6][0] == "'=quoted"  # as it is, since no spreadsheet runs it
        assert text.endswith("\r\n")
        keys(page, *["u"] * len(ODD))
        assert page.inner_text("#progress").startswith("0 of 9")
        assert loaded(page, tmp_path, text) == "9 decisions are loaded from d.csv."
        assert saved(page) == text


FILE = "id,given,decision,label\r\nrow 0,no,change,yes\r\nrow 1,no,keep,\r\nrow 2,no,drop,\r\n"


@pytest.mark.parametrize("again", [
    lambda text: "\ufeff" + text.replace(",", ";"),  # a spreadsheet where commas stand in numbers
    lambda text: text.replace(",", "\t").replace("\r\n", "\n").upper().replace("ROW", "row").replace("NO", "no").replace(
        "YES", "yes") + "row 1\tno\t\tyes\n",  # and a line that is left open
    lambda text: text.replace("\r\n", "\r").rstrip("\r"),
    lambda text: "".join(f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in text.split("\r\n")[:-1]),
    lambda text: text.replace("id,given,decision,label", "label,note,decision,given,id").replace(
        "row 0,no,change,yes", "yes,mine,change,no,row 0").replace("row 1,no,keep,", ",,keep,no,row 1").replace(
        "row 2,no,drop,", ",,drop,no,row 2") + "\r\n\r\n",  # columns moved, one added, empty lines
])  # fmt: skip
def test_what_a_spreadsheet_saved_is_read(browser, tmp_path, again):
    with opened(browser, tmp_path, told(3)) as page:
        assert loaded(page, tmp_path, again(FILE)) == "3 decisions are loaded from d.csv."
        assert saved(page) == FILE


def test_a_saved_file_replaces_what_was_decided_and_can_be_undone(browser, tmp_path):
    with opened(browser, tmp_path, told(4)) as page:
        keys(page, "d", "d", "d", "d")
        loaded(page, tmp_path, FILE)
        assert saved(page) == FILE + "row 3,no,drop,\r\n"
        page.locator("#undo").focus()
        keys(page, "u")
        assert "row 2,no,drop" in saved(page)
        keys(page, *["u"] * 2)
        page.locator("#next").focus()
        keys(page, "u")
        assert saved(page).count("drop") == 3


def test_what_cannot_be_used_is_said_and_the_rest_is(browser, tmp_path):
    rows = [
        "id,given,decision,label", "row 0,no,change,yes", "row 99,no,keep,", "row 1,yes,keep,", "row 2,no,perhaps,",
        "row 3,no,change,maybe", "row 4,no,change,", "row 5,no",
    ]  # fmt: skip
    with opened(browser, tmp_path, told(6)) as page:
        said = loaded(page, tmp_path, "\n".join(rows))
        assert said == (
            "1 decision is loaded from d.csv; left out: rows about examples that are not on this page (1), rows that say "
            "another label was given (1), rows that say nothing that can be done (3)."
        )
        assert "has no column decision" in loaded(page, tmp_path, "id,given\n1,2\n")
        assert "has no column id" in loaded(page, tmp_path, "")
        assert page.inner_text("#progress").startswith("1 of 6")


def test_numbers_are_the_same_however_they_are_written(browser, tmp_path):
    with opened(browser, tmp_path, told(4, answers="number")) as page:
        rows = [
            "id;given;decision;label",
            "row 0;12,50;change;3,25",
            "row 1;12.5;change;1e3",
            "row 2;13;keep;",
            "row 3;12.5;change;a",
        ]
        said = loaded(page, tmp_path, "\n".join(rows))
        assert said.startswith("2 decisions are loaded")
        assert saved(page).splitlines()[1:] == ["row 0,12.5,change,3.25", "row 1,12.5,change,1000"]


def test_several_labels_are_the_same_in_any_order(browser, tmp_path):
    with opened(browser, tmp_path, told(2, ["a", "b", "c"], "several")) as page:
        said = loaded(page, tmp_path, "id,given,decision,label\nrow 0,a,change,c;b\nrow 1,a,change,\n")
        assert said == "2 decisions are loaded from d.csv."
        assert saved(page).splitlines()[1:] == ['row 0,a,change,"b; c"', "row 1,a,change,"]
