"""What is written for trainers elsewhere, read back as their documentation says that they read it."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from reweigh.errors import BadInput
from reweigh.exchange import TRAINERS, export_weights
from reweigh.exchange.opennmt_py import NOTHING
from reweigh.exchange.opennmt_tf import LEAST
from reweigh.exchange.weighed import Weighed, write_all
from reweigh.exchange.yaml_text import yaml_of

COUNT = 40


@pytest.fixture
def pairs():
    weights = np.random.default_rng(0).gamma(0.5, size=COUNT)
    weights[:4] = 0.0
    return Weighed(
        ("de", "en"),
        [f'quelle "{n}": ü\u2028#' for n in range(COUNT)],
        [f"- target {n}" for n in range(COUNT)],
        [f"row {n}" for n in range(COUNT)],
        weights / weights.mean(),
        np.where(np.arange(COUNT) < 4, np.nan, 0.5),
        "translation",
    )


def write(name, pairs, folder):
    return write_all(TRAINERS[name], pairs, folder / "corpus")


def lines(path):
    """As a program reads that knows no other end of a line than a line feed."""
    content = Path(path).read_bytes().decode()
    assert content.endswith("\n")
    return content[:-1].split("\n")


def test_marian_has_one_weight_a_line_not_negative_with_a_mean_of_one(pairs, tmp_path):
    source, target, weights = write("marian", pairs, tmp_path).paths
    assert (source.name, target.name, weights.name) == ("corpus.de", "corpus.en", "corpus.weights")
    assert lines(source) == pairs.sources
    assert lines(target) == pairs.targets
    read = np.array([float(line) for line in lines(weights)])  # an empty line would raise
    np.testing.assert_allclose(read, pairs.weights, atol=1e-6)
    assert read.min() == 0
    assert read.mean() == pytest.approx(1, abs=1e-5)
    (step,) = TRAINERS["marian"].steps(pairs, tmp_path / "corpus")
    assert f"-t {source} {target} --data-weighting {weights} --data-weighting-type sentence" in step


def test_opennmt_tf_names_three_files_of_as_many_lines_and_no_weight_is_zero(pairs, tmp_path):
    *_, config = write("opennmt-tf", pairs, tmp_path).paths
    data = yaml.safe_load(config.read_text())["data"]
    assert set(data) == {"train_features_file", "train_labels_file", "example_weights"}
    assert lines(data["train_features_file"]) == pairs.sources
    assert lines(data["train_labels_file"]) == pairs.targets
    weights = [float(line) for line in lines(data["example_weights"])]
    assert len(weights) == COUNT
    assert min(weights) == LEAST


def test_opennmt_py_draws_each_pair_in_proportion_to_its_weight(pairs, tmp_path):
    *_, config = write("opennmt-py", pairs, tmp_path).paths
    data = yaml.safe_load(config.read_text())["data"]
    place = {text: n for n, text in enumerate(pairs.sources)}
    seen, shares, means = [], [], []
    for corpus in data.values():
        assert isinstance(corpus["weight"], int)  # 0.5 would become 0 there
        assert corpus["weight"] >= 1
        sources, targets = lines(corpus["path_src"]), lines(corpus["path_tgt"])
        rows = [place[text] for text in sources]
        assert targets == [pairs.targets[row] for row in rows]
        seen += rows
        shares.append(corpus["weight"] / len(rows))
        means.append(pairs.weights[rows].mean())
    assert sorted(seen) == np.flatnonzero(pairs.weights >= NOTHING).tolist()
    assert np.corrcoef(shares, means)[0, 1] > 0.99
    assert means == sorted(means)


def test_opusfilter_has_an_object_a_line_and_steps_that_sort(pairs, tmp_path):
    source, target, scores, config = write("opusfilter", pairs, tmp_path).paths
    (step,) = yaml.safe_load(config.read_text())["steps"]
    sort = step["parameters"]
    assert step["type"] == "sort"
    assert sort["inputs"] == [str(source), str(target), str(scores)]
    assert len(sort["outputs"]) == 3
    assert sort["values"] == str(scores)
    values = [float(json.loads(line)[sort["key"]]) for line in lines(scores)]
    np.testing.assert_allclose(values, pairs.weights, atol=1e-6)
    assert (sort["type"], sort["reverse"]) == ("float", True)


def test_hugging_face_has_the_pair_as_one_column_and_the_weight_beside_it(pairs, tmp_path):
    (path,) = write("hf", pairs, tmp_path).paths
    rows = [json.loads(line) for line in lines(path)]
    assert [row["translation"] for row in rows] == [
        {"de": one, "en": other} for one, other in zip(pairs.sources, pairs.targets, strict=True)
    ]
    np.testing.assert_allclose([row["weight"] for row in rows], pairs.weights, atol=1e-6)
    assert rows[0]["right"] is None
    assert rows[9]["right"] == 0.5


def test_yaml_holds_whatever_stands_in_a_name():
    told = {"data": {"a": 'C:\\x: "y" # ü', "b": [1, {"c": True}, "no"], "d": None}}
    assert yaml.safe_load(yaml_of(told)) == told


def test_an_unknown_trainer_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(BadInput, match="there is no trainer 'marain': did you mean 'marian'"):
        export_weights(tmp_path / "nowhere", tmp_path / "x", "marain")
