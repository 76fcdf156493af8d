"""Copies among training, checked and tested examples: found, named, told, in the table, on both pages."""

import csv
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from own_files import command, write_csv
from reweigh.audit import audit_run, write_export
from reweigh.audit.copies import Copies
from reweigh.audit.suspects import suspects
from reweigh.cli.guard import run
from reweigh.data import Examples
from reweigh.report.examples import suspects_of
from reweigh.review.why import why


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A run on a table with planted copies: row 10 twice with another label, row 20 of a tested row, 30 far away."""
    folder = tmp_path_factory.mktemp("copies")
    draw = np.random.default_rng(0)
    rows = [[f"{v:.6f}" for v in draw.normal(size=6)] for _ in range(460)]
    labelled = [[*row, "yes" if float(row[0]) > 0 else "no"] for row in rows]
    noisy, checked, test = labelled[:300], labelled[300:380], labelled[380:]
    flip = {"yes": "no", "no": "yes"}
    noisy[11] = [*noisy[10][:-1], flip[noisy[10][-1]]]  # the same, with another label
    noisy[12] = [*(f"{float(v) + 1e-4:.6f}" for v in checked[5][:-1]), flip[checked[5][-1]]]  # nearly a checked one
    noisy[20] = test[3]
    noisy[30] = ["50", "-50", "50", "50", "-50", "50", "yes"]
    names = [*(f"x{k}" for k in range(6)), "buys"]
    for name, part in (("noisy", noisy), ("checked", checked), ("test", test)):
        write_csv(folder / f"{name}.csv", names, part)
    said = [
        "train",
        "--train",
        f"{folder}/noisy.csv",
        "--clean",
        f"{folder}/checked.csv",
        "--test",
        f"{folder}/test.csv",
    ]
    options = ["--target", "buys", "--rule", "l2rw", "--quick", "--steps", "12", "--output", str(folder / "run")]
    assert run([*said, *options]) == 0
    return audit_run(folder / "run")


def test_copies_are_found_with_their_labels(table):
    copies = table.copies
    assert copies.rows == [10, 11, 12, 20]
    assert copies.contradicted == {10: [11], 11: [10], 12: copies.others(12)}
    assert copies.name(copies.others(12)[0]) == "row 5 (checked)"
    assert [copies.first(row) for row in (10, 11, 20)] == ["", "row 10", "row 3 (test)"]
    assert np.flatnonzero(copies.against_checked).tolist() == [12]
    assert copies.exact[[10, 11, 20]].all()
    assert not copies.exact[12]
    assert copies.why(0) == ""
    assert copies.why(11) == f"Of its copies row 10 is “{table.told(table.given[10])}”."


def test_what_is_said_of_them(table):
    said = table.copies.sentences()
    assert said[0] == (
        "Of 4 training examples there are copies (1 nearly the same); 3 of them carry another label than a copy (row 10, "
        "row 11, row 12), 1 another than a checked one (row 12)."
    )
    assert said[1] == (
        "1 training example (row 20) stands in the test set as well, so the score is too good: leave them out of one."
    )
    assert "row 30" in said[2]
    assert "far from all others" in said[2]


def test_the_table_and_both_pages_have_them(table, tmp_path):
    write_export(table, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert rows["row 11"]["duplicate_of"] == "row 10"
    assert rows["row 11"]["label_of_copy"] == table.told(table.given[10])
    assert rows["row 20"]["duplicate_of"] == "row 3 (test)"
    assert rows["row 20"]["label_of_copy"] == ""
    assert rows["row 30"]["outlier"] == "True"
    assert sum(row["outlier"] == "True" for row in rows.values()) == table.copies.outlier.sum() <= 5
    assert 12 in suspects(table)
    told = {one.name: one.copies for one in suspects_of(replace(table, issue=np.ones(len(table), dtype=bool)))}
    assert told["row 11"].startswith("Of its copies row 10 is")
    assert told["row 20"] == "A copy of row 3 (test)."
    assert "Far from all others." in told["row 30"]
    assert told["row 0"] == ""
    near = torch.zeros(5, dtype=torch.int64).numpy()
    assert why(table, 11, near).startswith("Of its copies row 10 is")


def test_a_contradicted_copy_of_a_checked_example_is_a_suspect_whatever_else_is_said(table):
    fine = replace(table, issue=np.zeros(len(table), dtype=bool), order=np.roll(table.order, 1))
    order = np.concatenate([[row for row in fine.order if row != 12], [12]]).astype(np.int64)
    assert suspects(replace(fine, order=order)).tolist()[-1] == 12


def test_the_terminal_says_it(table, capsys):
    assert run(["audit", str(table.run.path), "--top", "0"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert all(" ".join(line.split()) in said for line in table.copies.sentences())


def test_texts_that_are_the_same(tmp_path):
    folder = tmp_path / "data"
    arguments = command("text", folder, tmp_path / "run", "--steps", "9")
    with (folder / "noisy.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    extra = [["again", rows[5][1], {"sport": "food", "food": "sport"}[rows[5][2]]]]
    write_csv(folder / "noisy.csv", rows[0], rows[1:] + extra)
    assert run(arguments) == 0
    copies = audit_run(tmp_path / "run").copies
    places = {copies.name(place): place for place in copies.rows}
    assert places["t4"] in copies.contradicted[places["again"]]


def test_rows_of_few_values_are_alike_by_chance(tmp_path):
    draw = np.random.default_rng(0)
    rows = [[str(a), str(b), "yes" if a + b > 3 else "no"] for a, b in draw.integers(0, 4, (400, 2)).tolist()]
    for name, part in (("noisy", rows[:300]), ("checked", rows[300:])):
        write_csv(tmp_path / f"{name}.csv", ["a", "b", "buys"], part)
    said = ["train", "--train", f"{tmp_path}/noisy.csv", "--clean", f"{tmp_path}/checked.csv", "--target", "buys"]
    assert run([*said, "--rule", "l2rw", "--quick", "--steps", "9", "--output", str(tmp_path / "run")]) == 0
    copies = audit_run(tmp_path / "run").copies
    said = copies.sentences()
    assert "alike by chance" in said[0]
    assert copies.contradicted == {}
    assert not any("too good" in one for one in said)


def test_thousands_of_one_text_are_told_in_a_moment(table):
    """Blank texts, say, with two labels: the groups are large, and nobody compares each with each."""
    count = 30_000
    examples = Examples(torch.zeros(count, 6), torch.arange(count) % 2, torch.arange(count), ("no", "yes"))
    none = table.checked.select(torch.zeros(len(table.checked), dtype=torch.bool))
    audit = replace(table, examples=examples, checked=none, tested=none, names=None, encoding=None)
    parts, no = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool)
    copies = Copies(audit, (examples, none, none), parts, no, parts, ~no, no)
    started = time.perf_counter()
    assert len(copies.contradicted) == count
    assert len(copies.sentences()) == 1
    assert copies.first(5) != ""
    assert time.perf_counter() - started < 10
