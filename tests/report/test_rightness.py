"""What the page says of right and wrong labels: a chart that says what it shows, kinds, pairs, and intervals."""

import re

import numpy as np
import pytest

from reweigh.report.page import render
from reweigh.report.rightness import about_labels, intervals_by_class, likely_pairs, reliability_chart
from reweigh.rightness.crossfit import Tenth

from .html import Page


def test_a_point_lies_where_what_was_said_is_so():
    chart = reliability_chart([Tenth(0.2, 0.2, 0.1, 0.4, 30), Tenth(0.9, 0.5, 0.3, 0.7, 30)])
    line, on, off = chart.drawn
    (x0, y0), (x1, y1) = [tuple(map(float, p)) for p in re.findall(r"([\d.]+) ([\d.]+)", line.path)]

    def height(x):
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)

    assert on.end[1] == pytest.approx(height(on.end[0]), abs=0.2)
    assert off.end[1] > height(off.end[0]) + 50  # lower on the page: fewer are right than was said
    low, high = (float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", off.path))
    assert high < off.end[1] < low
    assert "20% said, 20% right (10% to 40%); 90% said, 50% right (30% to 70%)" in chart.description


def test_the_section_says_how_many_and_of_which_kind(audited):
    page = Page(render(audited))
    assert audited.sentence()[1:] in page.text
    for said in ("How dirty are the labels", "Can it be believed?", "Kinds of wrong labels", "What is taken for what"):
        assert said in page.text
    assert page.mistakes == []
    about = about_labels(audited)
    assert {kind.name for kind in about.kinds} == {"at random", "tempting"}
    assert all(kind.share.endswith("%") for kind in about.kinds)
    assert audited.next_wrong() in page.text


def test_pairs_are_the_most_frequent_ones_with_their_intervals(audited):
    pairs = likely_pairs(audited)
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    wrong, truth = audited.corrupted, audited.examples.true_y.numpy()
    for pair in pairs[:3]:
        known = (wrong & (audited.given == int(pair.given)) & (truth == int(pair.likely))).sum()
        assert abs(pair.count - known) < 20
        low, high = map(int, pair.between.split(" to "))
        assert low - 1 <= pair.count <= high + 1


def test_every_class_has_its_interval(audited):
    said = intervals_by_class(audited)
    assert len(said) == 10
    for text, rate in zip(said, audited.noise_rates, strict=True):
        low, high = map(int, text.split(" to "))
        assert low - 3 <= 100 * rate <= high + 3


def test_what_is_to_be_expected_of_the_ranking(audited):
    first = audited.expected_wrong(0, 100)
    assert first > 95
    assert abs(audited.expected_wrong(0, len(audited)) - (1 - audited.judged.right).sum()) < 1e-6
    assert abs(first - audited.corrupted[audited.order[:100]].sum()) < 8
    assert audited.next_wrong().startswith(f"about {first:.0f} of the first 100 are wrong, and about ")
    assert audited.next_wrong(len(audited)) == ""  # there is no next


def test_several_labels_say_which_are_missing_and_which_too_many(several_labels):
    audit = several_labels
    page = Page(render(audit))
    assert page.mistakes == []
    assert "of the examples look wrong in some label" in page.text
    assert {kind.name for kind in about_labels(audit).kinds} == {"flipped", "missing", "too many"}
    told = {(pair.given, pair.likely) for pair in likely_pairs(audit)}
    assert ("red", "not red") in told
    assert ("not red", "red") in told
    assert sum(pair.count for pair in likely_pairs(audit)) == pytest.approx(audit.estimate.pairs.sum())


def test_numbers_have_no_pairs_but_all_the_rest(numbers):
    audit = numbers
    page = Page(render(audit))
    assert page.mistakes == []
    assert "of the targets look wrong" in page.text
    assert "What is taken for what" not in page.text
    assert intervals_by_class(audit) == [""] * 5
    assert np.isfinite(audit.noise_rates).all()


def test_where_it_cannot_be_told_that_is_a_warning_and_no_share_stands_there(unforeseen_audited):
    audit = unforeseen_audited
    about = about_labels(audit)
    assert about.finding.warns
    assert "cannot tell" in about.finding.text
    assert about.pairs == []
    page = Page(render(audit))
    assert "share of labels" not in page.text
    assert "Can it be believed?" in page.text
