"""A sheet in which some rows were gone over: its corrections are in the cleaned data, and in the checked set."""

import csv
import json

import numpy as np
import pandas
import pytest

import reweigh
from reweigh.apply import apply_run, write_decisions
from reweigh.apply.decisions import Decision
from reweigh.cli.guard import run as command

ROWS, CHECKED = 300, 60
WRONG = tuple(range(0, CHECKED, 6))


def sheet():
    """Labels yes and no by the sum of two numbers, every sixth wrong; sixty rows are checked."""
    g = np.random.default_rng(0)
    frame = pandas.DataFrame(g.normal(size=(ROWS, 2)).round(3), columns=["a", "b"])
    right = np.where(frame.a + frame.b > 0, "yes", "no")
    given = np.where(np.arange(ROWS) % 6 == 0, np.where(right == "yes", "no", "yes"), right)
    names = [f"n{row}" for row in range(ROWS)]
    return frame.assign(label=given, name=names, right=[*right[:CHECKED], *[""] * (ROWS - CHECKED)]), right


SAID = {"target": "label", "clean_target": "right", "id_column": "name", "rule": "uniform", "steps": 30}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet")
    frame, _ = sheet()
    frame.to_csv(folder / "sheet.csv", index=False)
    done = reweigh.fit(folder / "sheet.csv", output=folder / "run", verbose=False, quick=True, **SAID)
    return folder, done


def read(path):
    with path.open(newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def decided(folder, *decisions):
    write_decisions(folder / "decisions.csv", decisions)
    return folder / "decisions.csv"


def test_corrections_and_decisions_are_written_and_nothing_else(finished, tmp_path):
    folder, _ = finished
    frame, right = sheet()
    given = frame.label.tolist()
    decisions = decided(
        tmp_path,
        Decision("n66", given[66], "change", right[66], "row 66 of it"),
        Decision("n72", given[72], "drop", "", "row 72 of it"),
        Decision("n61", given[61], "keep", "", "row 61 of it"),
    )
    found = apply_run(folder / "run", decisions, tmp_path / "cleaned")
    expected = dict(zip(frame.name, given, strict=True))
    expected |= {f"n{row}": right[row] for row in (*WRONG, 66)}
    del expected["n72"]
    assert {name: row["label"] for name, row in read(found.train).items()} == expected
    assert found.beside == len(WRONG)
    assert found.sentence() == (
        "1 label changed, 1 row dropped, 1 label reviewed and kept, and 10 labels corrected as the file itself says"
    )
    checked = read(found.checked) | read(found.test)
    assert set(checked) == {f"n{row}" for row in (*range(CHECKED), 66, 61)}
    assert all(row["label"] == right[int(name[1:])] for name, row in checked.items())


def test_the_changes_are_those_that_were_decided(finished, tmp_path):
    """What the sheet itself says needs no list beside it."""
    folder, _ = finished
    frame, right = sheet()
    path = decided(tmp_path, Decision("n66", frame.label[66], "change", right[66], "row 66 of it"))
    apply_run(folder / "run", path, tmp_path / "cleaned")
    with (tmp_path / "cleaned" / "changes.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["n66"]


def test_it_trains_as_it_is(finished, tmp_path):
    folder, done = finished
    frame, right = sheet()
    path = decided(tmp_path, Decision("n66", frame.label[66], "change", right[66], "row 66 of it"))
    apply_run(folder / "run", path, tmp_path / "cleaned")
    settings = json.loads((tmp_path / "cleaned" / "settings.json").read_text())["settings"]
    assert settings["drop"] == ["right"]
    assert "clean_target" not in settings
    again = reweigh.fit(output=tmp_path / "again", verbose=False, quick=True, **settings)
    assert again.summary["test_examples"] == done.summary["test_examples"]
    assert sorted(again.finished.config.data.drop) == ["right"]


def test_without_a_decision_there_are_the_corrections(finished, tmp_path):
    folder, _ = finished
    frame, right = sheet()
    path = decided(tmp_path, Decision("n61", frame.label[61], "keep", "", "row 61 of it"))
    found = apply_run(folder / "run", path, tmp_path / "cleaned")
    written = read(found.train)
    assert [written[f"n{row}"]["label"] for row in WRONG] == [right[row] for row in WRONG]


def test_parquet_in_which_labels_are_numbers(tmp_path):
    """Right ones are floats there, since most rows have none; what is written is what the column holds."""
    frame, right = sheet()
    code = {"no": 0, "yes": 1}
    numbers = frame.assign(
        label=frame.label.map(code), right=[float(code[label]) if label else None for label in frame.right]
    )
    numbers.to_parquet(tmp_path / "sheet.parquet")
    reweigh.fit(tmp_path / "sheet.parquet", output=tmp_path / "run", verbose=False, quick=True, **SAID)
    path = decided(tmp_path, Decision("n61", str(numbers.label[61]), "keep", "", "row 61 of it"))
    found = apply_run(tmp_path / "run", path, tmp_path / "cleaned")
    written = pandas.read_parquet(found.train)
    assert written.label.dtype == numbers.label.dtype
    assert written.label[list(WRONG)].tolist() == [code[right[row]] for row in WRONG]
    unchanged = [row for row in range(ROWS) if row not in WRONG]
    assert written.label[unchanged].tolist() == numbers.label[unchanged].tolist()


def test_on_the_command_line(finished, tmp_path, capsys):
    folder, _ = finished
    said = ["train", "--train", str(folder / "sheet.csv"), "--target", "label", "--clean-target", "right", "--quick"]
    said += ["--id-column", "name", "--rule", "judged", "--steps", "60", "--output", str(tmp_path / "run")]
    assert command(said) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "have another label there" in shown
    assert command(["review", str(tmp_path / "run")]) == 0
    page = (tmp_path / "run" / "review.html").read_text()
    assert '"right"' not in page.partition('id="data">')[2].partition("</script>")[0].partition('"columns"')[2][:200]
    capsys.readouterr()
    assert command(["apply", str(tmp_path / "run"), "--auto", "--output", str(tmp_path / "cleaned")]) == 0
    assert "and 10 labels corrected as the file itself says" in " ".join(capsys.readouterr().out.split())


def test_from_python_with_a_frame():
    frame, _ = sheet()
    done = reweigh.fit(frame, verbose=False, quick=True, **SAID)
    audit = done.audit().audit
    assert len(audit.checked) + done.summary["test_examples"] == CHECKED
    assert audit.judged.of_all.relabelled.labels == len(audit.checked)
    assert len(audit) == ROWS - CHECKED
    assert not set(done.audit().to_pandas()["id"]) & {f"n{row}" for row in range(CHECKED)}
