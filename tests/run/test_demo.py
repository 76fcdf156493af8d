"""The demo's promises on two seeds of the full schedule (a few seconds each)."""

import math

import pytest

from reweigh.run.demo import METHODS, OURS, PLAIN, demo_config, run_demo, table, train, wrong_among_shown


@pytest.fixture(scope="module")
def l2rw():
    return train(OURS, demo_config(0))


def test_l2rw_beats_plain_training_by_15_points_at_the_last_step(l2rw):
    plain = train(PLAIN, demo_config(0))
    assert l2rw.accuracy - plain.accuracy >= 0.15
    assert math.isnan(plain.auroc)


def test_the_weights_find_the_wrong_labels(l2rw):
    assert l2rw.auroc >= 0.85  # one seed; the mean over five is at least 0.9
    assert wrong_among_shown([l2rw]) >= 9


def test_all_methods_share_noise_schedule_and_start():
    outcomes = run_demo(1, steps=20)
    by_name = {o.method.name: o.data for o in outcomes}
    noisy, both = by_name["plain training"].train, by_name["plain, noisy + clean"].train
    assert len(both) - len(noisy) == len(by_name["clean images only"].train) == 100
    assert int(noisy.corrupted.sum()) == int(both.corrupted.sum())
    assert len({o.data.test.ids.sum().item() for o in outcomes}) == 1


def test_the_table_has_means_and_deviations():
    calls = []
    rows = table(run_demo(2, steps=10, on_step=lambda method, seed: calls.append((method.name, seed))))
    assert [row.name for row in rows] == [method.name for method in METHODS]
    assert len(calls) == 2 * 5 * 10
    assert rows[0].auroc is None
    assert rows[-1].auroc is not None
    assert rows[-1].auroc_std > 0
