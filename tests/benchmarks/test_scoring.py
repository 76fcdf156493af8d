"""What scoring costs, told from times."""

import itertools

import pytest
from benchmarks.scoring import main, make_rows, measure, told

from benchmarks import scoring
from reweigh.scoring.texts import batches


def test_a_row_tells_the_median_and_the_spread():
    assert told("alignment", [3.0, 2.0, 4.0], [1.0, 1.0, 1.0], 60) == "| alignment | 20 | 3.00 (2.00 to 4.00) | 3.5 |"
    assert told("plain", [2.0], [2.0], 8) == "| plain | 4 | 1.00 (1.00 to 1.00) |  |"


def test_times_add_up_over_batches_and_the_first_round_is_left_out(monkeypatch):
    """By a clock on which every call takes a second, those of the first round nine."""
    spent = [9.0] * 4 + [1.0] * 8
    ticks = itertools.accumulate(itertools.chain.from_iterable((0.0, one) for one in spent))
    monkeypatch.setattr(scoring.time, "process_time", ticks.__next__)
    parts = list(batches(make_rows(4, 6), 2))
    assert measure({"a": len, "b": len}, parts, 2) == {"a": [2.0, 2.0], "b": [2.0, 2.0]}


def test_a_tiny_one_prints_its_table(capsys):
    pytest.importorskip("transformers")
    main(["--layers", "1", "--width", "16", "--longest", "8", "--rows", "8", "--batch-size", "4", "--rounds", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["plain", "alignment", "representation", "both"]
