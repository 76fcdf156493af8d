"""Decisions without a review: no more than the probabilities allow, and a sentence with numbers."""

from dataclasses import replace

import numpy as np
import pytest

from dirty import trained
from reweigh.apply import Decision, apply_run
from reweigh.apply.auto import Automatic, decided
from reweigh.audit import audit_run
from reweigh.cli.guard import run
from reweigh.data.own.paths import open_table
from reweigh.errors import BadInput


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("auto"), "csv", "--steps", "200")


@pytest.fixture(scope="module")
def audit(table):
    return audit_run(table[0])


def test_only_what_is_sure_is_decided(audit):
    found = decided(audit, 0.9)
    by_name = {audit.name(row): row for row in range(len(audit))}
    assert found.decisions
    for one in found.decisions:
        row = by_name[one.id]
        assert one.given == audit.told(audit.given[row])
        if one.word == "change":
            assert audit.suggested_probability[row] >= 0.9
            assert one.label == audit.told(audit.suggested[row]) != one.given
        else:
            assert 1 - audit.right[row] >= 0.9 > audit.suggested_probability[row]
    assert len(found.decisions) + found.left == int((audit.right < 0.5).sum())
    changed = sum(one.word == "change" for one in found.decisions)
    assert f"each said to be right with a probability of 90% or more: {changed} label" in found.sentence()
    assert f"up to about {0.1 * len(found.decisions):.1f} of them wrongly; {found.left} other label" in found.sentence()


def test_less_is_decided_where_more_has_to_be_sure(audit):
    counts = [len(decided(audit, sure).decisions) for sure in (0.5, 0.9, 0.99)]
    assert counts[0] > counts[-1]
    assert counts == sorted(counts, reverse=True)
    assert decided(audit, 0.5).left == 0


def test_no_more_is_promised_than_was_kept():
    found = Automatic([Decision("a", "x", "change", "y", "")] * 200, 0.999, 1)
    assert "200 labels changed and 0 rows dropped, up to about 6.0 of them wrongly" in found.sentence()


def test_what_was_reviewed_is_left_alone(audit):
    one = decided(audit, 0.9).decisions[0]
    assert one.id not in {other.id for other in decided(audit, 0.9, {one.id}).decisions}


def test_nothing_is_decided_where_nothing_can_be_told(audit):
    with pytest.raises(BadInput, match=r"--sure is 0.2: give a probability from 0.5 to below 1"):
        decided(audit, 0.2)
    with pytest.raises(BadInput, match=r"nothing is decided without review, since .*review the suspects instead"):
        decided(replace(audit, judged=None))


def test_the_labels_are_better_for_it_and_none_of_them_is_called_checked(table, tmp_path):
    path, noisy, wrong, truth = table
    found = apply_run(path, None, tmp_path / "cleaned", auto=True, sure=0.9)
    before = found.checked_rows
    labels = open_table(found.train).table().column("label").to_pylist()
    dropped = {
        int(one.split(",")[0][4:]) for one in (found.path / "changes.csv").read_text().splitlines() if ",drop," in one
    }
    kept = [row for row in range(len(truth)) if row not in dropped]
    still = sum(labels[place] != truth[row] for place, row in enumerate(kept))
    assert still < 0.8 * wrong.sum()
    assert before + len(open_table(found.test).table()) == 90
    assert "without review" in found.automatic
    assert all(line.endswith(",auto") for line in (found.path / "changes.csv").read_text().splitlines()[1:])
    assert noisy.exists()


def test_on_the_command_line(table, tmp_path, capsys):
    row = int(np.flatnonzero(table[2])[0])
    given = open_table(table[1]).table().column("label")[row].as_py()
    (tmp_path / "d.csv").write_text(f"id;given;decision;label\nrow {row};{given};drop\n", encoding="utf-8-sig")
    capsys.readouterr()
    options = ["--output", str(tmp_path / "cleaned"), "--auto", "--sure", "0.9"]
    assert run(["apply", str(table[0]), str(tmp_path / "d.csv"), *options]) == 0
    printed = capsys.readouterr().out
    assert "Without review, each said to be right with a probability of 90% or more:" in " ".join(printed.split())
    command = printed.splitlines()[-1].removeprefix("Next: reweigh ").split()
    assert run([*command[:-1], str(tmp_path / "again"), "--quick"]) == 0
    log = (tmp_path / "cleaned" / "changes.csv").read_text()
    assert f"row {row},{table[1]},{row + 2},{given},drop,,review" in log
    capsys.readouterr()
    assert run(["apply", str(table[0]), str(tmp_path / "d.csv"), *options]) == 2
    assert "exists: replace it with --overwrite" in capsys.readouterr().err
    assert run(["apply", str(table[0]), "--output", str(tmp_path / "new")]) == 2
    assert "nothing is decided: name a file of decisions" in capsys.readouterr().err
