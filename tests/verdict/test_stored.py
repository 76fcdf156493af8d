"""From a finished run to the sentence in its folder, on a table, texts, numbers and several labels."""

import numpy as np
import pandas as pd
import pytest

import reweigh
from reweigh.errors import BadInput
from reweigh.run.finished import open_run
from reweigh.run.watcher import Silent
from reweigh.verdict import read_verdict, verdict_of
from reweigh.verdict.compare import COMPARING

RNG = np.random.default_rng(0)
COLOURS = ["red", "green", "blue"]


def table(count, seed, wrong=0.0):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(size=(2, count))
    label = np.where(a + b > 0, "up", "down")
    flipped = generator.random(count) < wrong
    return pd.DataFrame(
        {
            "a": a, "b": b, "colour": generator.choice(COLOURS, count),
            "label": np.where(flipped, np.where(label == "up", "down", "up"), label),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verdict") / "run"
    reweigh.fit(
        table(400, 0, wrong=0.4), clean=table(60, 1), test=table(300, 2), target="label", output=folder, steps=60,
        rule="l2rw", quick=True, verbose=False,
    )  # fmt: skip
    return folder


class Ways(Silent, list):
    """Those that are compared, as they begin."""

    def phase(self, what, part="", steps=None, turn=(1, 1)):
        if what == COMPARING:
            self.append(part)


def test_the_verdict_of_a_run(run):
    told = Ways()
    found = verdict_of(run, watcher=told)
    assert [rival.words for rival in found.rivals] != []
    assert {rival.words for rival in found.rivals} == {
        "plain training on all rows", "the checked rows alone", "boosted trees", "boosted trees on the cleaned rows",
    }  # fmt: skip
    assert [rival.words for rival in found.rivals if rival.own] == ["boosted trees on the cleaned rows"]
    assert sorted(told) == sorted(rival.words for rival in found.rivals)
    scores = [rival.score for rival in found.rivals]
    assert scores == sorted(scores, reverse=True)
    assert found.best.difference.count == 300
    assert found.measure == "test_macro_f1"
    assert found.score == pytest.approx(open_run(run).summary["test_macro_f1"])


def test_it_is_worked_out_once(run):
    told = Ways()
    first = verdict_of(run)
    assert verdict_of(run, watcher=told) == first
    assert told == []
    assert read_verdict(open_run(run)) == first


def test_a_changed_verdict_is_refused(run):
    verdict_of(run)
    path = run / "verdict.json"
    kept = path.read_bytes()
    try:
        path.write_bytes(kept.replace(b'"score": 0', b'"score": 1', 1))
        with pytest.raises(BadInput, match="damaged or was edited"):
            verdict_of(run)
    finally:
        path.write_bytes(kept)


def test_training_again_takes_it_away(run, tmp_path):
    settings = {
        "clean": table(30, 1),
        "test": table(30, 2),
        "target": "label",
        "steps": 5,
        "rule": "l2rw",
        "quick": True,
        "verbose": False,
    }
    reweigh.fit(table(50, 0), output=tmp_path / "run", **settings)
    verdict_of(tmp_path / "run")
    reweigh.fit(table(50, 0), output=tmp_path / "run", overwrite=True, **settings)
    assert not (tmp_path / "run" / "verdict.json").exists()


def test_held_back_examples_are_called_checked(tmp_path):
    reweigh.fit(
        table(100, 0),
        clean=table(40, 1),
        target="label",
        output=tmp_path / "run",
        steps=10,
        rule="l2rw",
        quick=True,
        verbose=False,
    )
    found = verdict_of(tmp_path / "run")
    assert found.examples == "checked"
    assert found.best.difference.count == 12


def test_texts(tmp_path):
    words = {"good": ["fine", "lovely", "great"], "bad": ["poor", "awful", "sad"]}

    def texts(count, seed):
        generator = np.random.default_rng(seed)
        labels = generator.choice(["good", "bad"], count)
        return pd.DataFrame({"text": [" ".join(generator.choice(words[y], 4)) for y in labels], "label": labels})

    reweigh.fit(
        texts(120, 0), clean=texts(30, 1), test=texts(60, 2), target="label", text="text", output=tmp_path / "run",
        steps=5, rule="l2rw", quick=True, verbose=False,
    )  # fmt: skip
    found = verdict_of(tmp_path / "run")
    linear = next(rival for rival in found.rivals if rival.words == "TF-IDF with a linear layer")
    assert linear.score > 0.95


def test_numbers(tmp_path):
    def numbers(count, seed):
        a, b = np.random.default_rng(seed).normal(size=(2, count))
        return pd.DataFrame({"a": a, "b": b, "y": 3 * a - b + 0.125})

    reweigh.fit(
        numbers(200, 0), clean=numbers(40, 1), test=numbers(80, 2), target="y", output=tmp_path / "run", steps=20,
        rule="l2rw", quick=True, verbose=False,
    )  # fmt: skip
    found = verdict_of(tmp_path / "run")
    assert found.measure == "test_r2"
    assert "boosted trees" in {rival.words for rival in found.rivals}


@pytest.mark.slow
def test_several_labels(tmp_path):
    def labels(count, seed):
        a, b = np.random.default_rng(seed).normal(size=(2, count))
        return pd.DataFrame({"a": a, "b": b, "one": (a > 0).astype(int), "two": (b > 0).astype(int)})

    reweigh.fit(
        labels(200, 0), clean=labels(40, 1), test=labels(80, 2), target=["one", "two"], output=tmp_path / "run",
        steps=20, rule="l2rw", quick=True, verbose=False,
    )  # fmt: skip
    found = verdict_of(tmp_path / "run")
    trees = next(rival for rival in found.rivals if rival.words == "boosted trees")
    assert trees.score > 0.95
