"""A ledger's summary of any epochs against the same said in plain Python, visit by visit; and sums that go on."""

import math
from collections import defaultdict
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reweigh.ledger.collector import Collector
from reweigh.ledger.summary import Totals

NUMBERS = st.integers(-40, 40).map(lambda n: n / 8)
WEIGHTS = st.integers(0, 16).map(lambda n: n / 16)


@st.composite
def batches(draw):
    """Ids that may repeat, and a number of each kind for each of them, or none of a kind."""
    ids = draw(st.lists(st.integers(-2, 6), min_size=1, max_size=6))
    some = {"min_size": len(ids), "max_size": len(ids)}
    return (
        ids,
        draw(st.lists(WEIGHTS, **some)),
        draw(st.none() | st.lists(NUMBERS, **some)),
        draw(st.none() | st.lists(NUMBERS, **some)),
        [7 * one % 5 for one in ids],
    )


EPOCHS = st.lists(st.lists(batches(), min_size=1, max_size=4), min_size=1, max_size=5)


def in_units(values):
    """Divided by their mean size; all zero where that is."""
    size = fmean(map(abs, values))
    return [value / size if size else 0.0 for value in values]


def visits_of(epoch):
    """Of each id what was seen of it: (relative weight, alignment, loss), NaN where one is not known."""
    found = defaultdict(list)
    for ids, weights, alignments, losses, _ in epoch:
        units = [math.nan] * len(ids) if alignments is None else in_units(alignments)
        losses = [math.nan] * len(ids) if losses is None else losses
        for one, weight, unit, loss in zip(ids, weights, units, losses, strict=True):
            found[one].append((weight * len(ids), unit, loss))
    return found


def mean(values):
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def slope(points):
    """Of the least squares line through (epoch, weight)."""
    if len(points) < 2:
        return math.nan
    at, to = fmean(t for t, _ in points), fmean(w for _, w in points)
    return sum((t - at) * (w - to) for t, w in points) / sum((t - at) ** 2 for t, _ in points)


def by_hand(epochs):
    """The summary of each id, by name."""
    seen = [visits_of(epoch) for epoch in epochs]
    rows = {}
    for one in sorted({one for epoch in seen for one in epoch}):
        at = {t: epoch[one] for t, epoch in enumerate(seen, 1) if one in epoch}
        every = [visit for visits in at.values() for visit in visits]
        of_epochs = [[mean(column) for column in zip(*visits, strict=True)] for visits in at.values()]
        rows[one] = {
            "epochs": len(at),
            "visits": len(every),
            "mean_weight": fmean(weight for weight, _, _ in every),
            "zero_share": fmean(weight == 0 for weight, _, _ in every),
            "zero_epochs": fmean(all(weight == 0 for weight, _, _ in visits) for visits in at.values()),
            "trend": slope(list(zip(at, (weight for weight, _, _ in of_epochs), strict=True))),
            "last_weight": of_epochs[-1][0],
            "last_loss": of_epochs[-1][2],
            "mean_alignment": mean([alignment for _, alignment, _ in of_epochs]),
            "mean_loss": mean([loss for _, _, loss in of_epochs]),
            "given_label": 7 * one % 5,
        }
    return rows


def collected(epoch):
    collector = Collector()
    for batch in epoch:
        collector.add(*batch)
    return collector.end_epoch()


def check(summary, epochs):
    rows = by_hand(epochs)
    assert summary.id.tolist() == list(rows)
    for name in next(iter(rows.values())):
        wanted = [row[name] for row in rows.values()]
        assert getattr(summary, name).tolist() == pytest.approx(wanted, rel=1e-5, abs=1e-5, nan_ok=True), name


@settings(deadline=None, max_examples=60)
@given(EPOCHS)
def test_it_is_what_plain_python_says(epochs):
    totals = Totals()
    for epoch in epochs:
        totals.add(collected(epoch))
    check(totals.summary(), epochs)


@settings(deadline=None, max_examples=25)
@given(EPOCHS, EPOCHS)
def test_sums_that_are_stored_go_on_as_if_they_had_not_been(before, after):
    totals, again = Totals(), Totals()
    for epoch in before:
        totals.add(collected(epoch))
    again.load_state_dict(totals.state_dict())
    for epoch in after:
        again.add(collected(epoch))
    check(again.summary(), before + after)
    check(totals.summary(), before)  # what was handed on is a copy


@settings(deadline=None, max_examples=25)
@given(st.lists(batches(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_batches_within_an_epoch_does_not_matter(epoch, draw):
    mixed = list(epoch)
    draw.shuffle(mixed)
    one, other = (collected(part) for part in (epoch, mixed))
    assert one.keys() == other.keys()
    for name, column in one.items():
        assert np.allclose(column, other[name], rtol=1e-5, atol=1e-6, equal_nan=True), name


@pytest.mark.parametrize("kind", [torch.int32, torch.int64, torch.uint8])
@pytest.mark.parametrize("weights", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_numbers_of_any_type_are_the_same_row(kind, weights):
    collector = Collector()
    collector.add(torch.tensor([3, 1], dtype=kind), torch.tensor([0.25, 0.75], dtype=weights))
    found = collector.end_epoch()
    assert found["id"].tolist() == [1, 3]
    assert found["id"].dtype == np.int64
    assert found["weight"].tolist() == [1.5, 0.5]
    assert np.isnan(found["loss"]).all()
    assert found["given_label"] is None
