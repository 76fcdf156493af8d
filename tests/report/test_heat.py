"""The heat map: what it counts, how dark that is, and which classes it shows."""

from dataclasses import replace

import numpy as np
import pytest

from reweigh.report.heat import LEVELS, MOST, heat_map


def counts(heat):
    return np.array([[int(cell.count.replace(",", "") or 0) for cell in cells] for _, cells in heat.rows])


def test_expected_numbers_with_their_intervals(audited):
    heat = heat_map(audited)
    assert heat.told
    assert heat.columns == [name for name, _ in heat.rows] == [str(k) for k in range(10)]
    found, known = counts(heat), audited.estimate.pairs
    assert np.abs(found - np.where(np.eye(10), found, known)).max() <= 1
    assert np.abs(found.sum(1) - audited.groups.counts).max() <= 6  # rounded, cell by cell
    for g, (_, cells) in enumerate(heat.rows):
        for s, cell in enumerate(cells):
            assert cell.same == (g == s)
            assert 0 <= cell.level <= LEVELS
            if cell.between:
                low, high = map(int, cell.between.split(" to "))
                assert low - 1 <= int(cell.count) <= high + 1
    wrong = max((cell for g, (_, cells) in enumerate(heat.rows) for s, cell in enumerate(cells) if g != s),
                key=lambda cell: int(cell.count or 0))  # fmt: skip
    assert wrong.level >= 2
    assert wrong.share.endswith(" %")


def test_of_many_classes_those_that_are_taken_for_others_most(audited):
    names = tuple(f"class {n}" for n in range(30))
    given, suggested = (np.arange(len(audited)) % 30, np.arange(len(audited)) % 30)
    suggested = np.where(given == 29, 0, suggested)
    examples = replace(audited.examples, classes=names)
    heat = heat_map(replace(audited, examples=examples, judged=None, given=given, suggested=suggested))
    assert not heat.told
    assert len(heat.rows) == len(heat.columns) == MOST
    assert heat.left_out == 30 - MOST
    cells = dict(heat.rows)["class 29"]
    assert cells[heat.columns.index("class 0")].level == LEVELS
    assert cells[heat.columns.index("class 0")].between == ""


def test_several_labels_are_too_many_or_missing(several_labels):
    audit = several_labels
    heat = heat_map(audit)
    assert heat.columns == ["is there, likely too many", "is not there, likely missing"]
    place = audit.groups.names.index("red")
    assert counts(heat).sum() == pytest.approx(audit.estimate.pairs.sum(), abs=4)
    told = dict(heat.rows)["red"]
    assert int(told[0].count) == round(audit.estimate.pairs[place, 0])
    bare = heat_map(replace(audit, judged=None))
    assert not bare.told
    assert counts(bare)[0].tolist() >= [0, 0]


def test_numbers_in_ranges_are_counted(numbers):
    heat = heat_map(numbers)
    assert not heat.told
    assert counts(heat).sum() == len(numbers)
