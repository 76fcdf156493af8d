"""A clean frame that is a part of the training frame, gone over: what it was called before reaches audit and rules."""

import json

import numpy as np
import pandas
import pytest
from sklearn.datasets import load_digits

import reweigh
from reweigh.audit.halves import judged_by_halves
from reweigh.cli.guard import run
from reweigh.run.finished import data_of

COUNT, CHECKED = 700, 80


@pytest.fixture(scope="module")
def frames():
    """A fifth of the digits is called what comes next, and eighty of them were checked; those after are tested."""
    x, truth = load_digits(return_X_y=True)
    g = np.random.default_rng(0)
    rows = g.permutation(len(x))[: COUNT + 200]
    truth, x = truth[rows], pandas.DataFrame(x[rows], columns=[f"p{k}" for k in range(64)])
    given = np.where(g.random(len(truth)) < 0.2, (truth + 1) % 10, truth)
    checked = np.sort(g.choice(COUNT, CHECKED, replace=False))
    named = [
        x.assign(digit=[f"d{y}" for y in labels], name=[f"n{k}" for k in range(len(x))]) for labels in (given, truth)
    ]
    train, right = named[0].iloc[:COUNT], named[1]
    return train, right.iloc[checked], right.iloc[COUNT:], given, truth, checked


@pytest.fixture(scope="module")
def finished(frames, tmp_path_factory):
    train, clean, test, *_ = frames
    said = {"target": "digit", "id_column": "name", "rule": "judged", "steps": 150, "verbose": False, "quick": True}
    return reweigh.fit(train, clean=clean, test=test, output=tmp_path_factory.mktemp("before") / "run", **said)


def test_the_audit_says_what_came_of_it(finished, frames):
    _, _, _, given, truth, checked = frames
    wrong = int((given != truth)[checked].sum())
    found = finished.audit().audit
    assert f"of {CHECKED} that were checked {wrong} had another label" in found.sentence()
    others = np.setdiff1d(np.arange(COUNT), checked)
    low, high = found.estimate.interval
    assert low <= (given == truth)[others].mean() <= high


def test_it_is_said_when_the_data_are_read_and_kept_for_programs(finished, frames, capsys):
    _, _, _, given, truth, checked = frames
    wrong = int((given != truth)[checked].sum())
    notes = data_of(finished.finished).notes
    assert any(note.startswith(f"{wrong} of the {CHECKED} checked examples") for note in notes)
    assert run(["audit", str(finished.path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["relabelled"] == {"labels": CHECKED, "wrong": wrong, "alike": True}


def test_read_and_asked_anew_it_is_the_same(finished):
    """By what the students said, which is kept, and by students that are trained again."""
    data = data_of(finished.finished)
    kept = judged_by_halves(finished.finished, data)
    next(finished.path.rglob("halves*")).unlink()
    again = judged_by_halves(finished.finished, data)
    assert np.allclose(kept.right, again.right)
    assert kept.of_all.relabelled.labels == again.of_all.relabelled.labels


def test_without_those_rows_nothing_is_known_of_them(frames):
    train, clean, test, *_, checked = frames
    rest = train.drop(index=train.index[checked])
    said = {"target": "digit", "id_column": "name", "rule": "judged", "steps": 30, "verbose": False, "quick": True}
    done = reweigh.fit(rest, clean=clean, test=test, **said)
    assert done.audit().audit.judged.of_all.relabelled is None
