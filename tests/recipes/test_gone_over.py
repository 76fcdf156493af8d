"""What it is worth to know what checked examples were called: how rows are drawn, one run, and the tables."""

from pathlib import Path

import numpy as np
import pytest

import gone_over
from gone_over import Job, holds, run, table, totals
from verdict_sets import PICKED, SETS, Places

NOWHERE = Places(Path("none"), None)
WINE = "wine uniform 20 %"


@pytest.mark.parametrize("by", PICKED)
def test_both_have_the_same_rows_but_for_what_checked_ones_were_called(by, tmp_path):
    without, known = (
        gone_over.gone_over(SETS[WINE], NOWHERE, 0, tmp_path / str(seen), by, seen=seen) for seen in (False, True)
    )
    count = len(without.train)
    assert known.train.iloc[:count].equals(without.train)
    assert known.clean.equals(without.clean)
    assert known.test.equals(without.test)
    again = known.train.iloc[count:].reset_index(drop=True)
    assert again.drop(columns="label").equals(known.clean.drop(columns="label"))
    differ = (again["label"] != known.clean["label"]).to_numpy()
    assert np.array_equal(differ, known.wrong[count:])
    labels = {"class": again, "right class": known.clean}.get(by)
    if labels is not None:
        assert labels["label"].value_counts().tolist() == [5, 5, 5]


def test_a_run_tells_what_it_found():
    found = run(Job(WINE, "class", True, "judged", 0), NOWHERE, steps=30)
    assert found["chosen"] == "judged"
    assert 0 <= found["f1"] <= 100
    assert found["wrong"] == pytest.approx(20, abs=12)
    assert 0 <= found["brier"] <= 1


def found(name, seen, told, interval, wrong=20.0, f1=80.0):
    one = {"told": told, "interval": interval, "wrong": wrong, "f1": f1, "brier": 0.1}
    return Job(name, "class", seen, "judged", 0), one


def test_the_tables_hold_what_was_told_against_the_truth():
    some = dict([
        found("digits clean", False, 0.0, [0.0, 1.0], wrong=0.0), found("digits clean", True, None, None, wrong=0.0),
        found("wine uniform 20 %", False, 5.0, [4.0, 6.0]), found("wine uniform 20 %", True, 18.0, [12.0, 19.6], f1=82.0),
        found("rare clean", True, 18.0, [12.0, 19.6]),
    ])  # fmt: skip
    first, second = table(some, "class", "judged")[1:]
    assert first == ["digits clean", "0.0", "0.0", "–", "1 of 1", "0 of 0", "0.100", "0.100", "80.0", "80.0"]
    assert second[:6] == [WINE, "20.0", "5.0", "18.0 (12 to 20)", "0 of 1", "1 of 1"]
    assert totals(some)[1] == ["class, judged", "2", "1 of 2", "1 of 1", "7.5", "2.0", "+1.00"]


def test_half_a_point_beside_an_interval_is_inside():
    assert holds([{"wrong": 20.4, "interval": [10, 20]}, {"wrong": 20.6, "interval": [10, 20]}]) == "1 of 2"


def test_what_is_there_is_shown_and_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "sys.argv", ["gone_over.py", "--runs", str(tmp_path), "--show", "--output", str(tmp_path / "t.md")]
    )
    gone_over.main()
    assert (tmp_path / "t.md").exists()
