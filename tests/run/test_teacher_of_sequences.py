"""Rules that learn weigh what has no classes: pairs of texts by the states of both sides, texts, numbers, labels."""

import signal

import numpy as np
import pytest
import torch

import reweigh
import tiny_translators as tiny
from made_up_pairs import three_files
from reweigh.data.outside import use_sources
from reweigh.errors import BadInput
from reweigh.rules import DeepInteraction, read_rule
from reweigh.run.start import start
from reweigh.settings import Settings
from reweigh.tasks.language_model import IGNORED

from .conftest import Nobody
from .test_resume_own import finish, results_of

BOTH = {"*:input": ["y", IGNORED], "*encoder*": ["x", 0], "*decoder*": ["y", IGNORED]}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    three_files(folder, 60)
    return folder


def settings(files, rule="deep-interaction", **more):
    named = {"train": f"{files}/pairs.tsv", "clean": f"{files}/checked.tsv", "source": "de", "target": "en"}
    return {**named, "rule": rule, "batch_size": 64, "threads": 1, **more}


def teacher_of(folder):
    return read_rule(folder / "teacher.safetensors")


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        pytest.param("deep-interaction", {}, marks=pytest.mark.slow),
        pytest.param("deep-interaction", {"horizon": 2, "contrast": "none"}, marks=pytest.mark.slow),
        pytest.param("deep-interaction", {"horizon": 4, "teacher_every": 1}, marks=pytest.mark.slow),
        pytest.param("meta-weight-net", {}, marks=pytest.mark.slow),
        pytest.param("meta-weight-net", {"horizon": 4}, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_ends_with_the_same_bits(rule, more, files, tmp_path, in_process):
    """Each epoch has three steps, so that a window of two or four is open at its end."""
    said, whole, folder = settings(files, rule, epochs=3, **more), tmp_path / "whole", tmp_path / "killed"
    summary = start(Settings.of(**said), whole, Nobody())
    assert finish(in_process(said, folder, 7)) == -signal.SIGKILL
    assert finish(in_process(said, folder)) == 0
    assert results_of(folder) == results_of(whole)
    one, other = teacher_of(whole), teacher_of(folder)
    assert one[:2] == other[:2]
    assert all(torch.equal(value, other[2][name]) for name, value in one[2].items())
    if rule == "deep-interaction":
        assert "internal states: encoder.1, decoder.1" in summary["engine"]
        assert one[1]["masks"] == BOTH
        assert one[1]["classes"] is None


@pytest.mark.parametrize("kind", ["marian", "t5"])
def test_pretrained_pairs_show_both_sides(kind, files, tmp_path):
    name = getattr(tiny, kind)(tmp_path / kind)
    summary = start(Settings.of(**settings(files, model=f"hf:{name}", steps=3)), tmp_path / "run", Nobody())
    places = summary["engine"].rpartition("internal states: ")[2].split(", ")
    assert [place.rpartition(".")[2] for place in places] == ["encoder", "decoder", "lm_head:input"]


def test_a_trained_teacher_takes_the_masks_of_the_pairs_that_it_weighs(files, tmp_path):
    start(Settings.of(**settings(files, steps=3, teacher_reads=("surface", "interaction"))), tmp_path / "a", Nobody())
    path, name = str(tmp_path / "a" / "teacher.safetensors"), tiny.marian(tmp_path / "marian")
    seen, load = [], DeepInteraction.load

    def loaded(path):
        seen.append(load(path))
        return seen[-1]

    states = ("network.model.encoder", "network.model.decoder")
    said = settings(files, steps=2, teacher=path, model=f"hf:{name}", teacher_states=states)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DeepInteraction, "load", loaded)
        start(Settings.of(**said), tmp_path / "b", Nobody())
    padding = seen[0].config()["masks"]["*encoder*"][1]
    assert padding == tiny.transformers.AutoTokenizer.from_pretrained(name).pad_token_id != 0


def test_a_teacher_of_classes_is_refused_where_there_are_none(files, tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 3))
    run = reweigh.fit(
        (x, x[:, 0] > 0),
        clean=range(40),
        rule="deep-interaction",
        steps=2,
        quick=True,
        verbose=False,
        output=tmp_path / "a",
    )
    path = str(tmp_path / "a" / "teacher.safetensors")
    assert run.summary["rule"] == "deep-interaction"
    with pytest.raises(BadInput, match="was made for 2 classes, and this data set has none"):
        start(Settings.of(**settings(files, steps=2, teacher=path)), tmp_path / "b", Nobody())


@pytest.mark.parametrize("kind", ["numbers", "labels"])
def test_numbers_and_labels_have_no_classes(kind):
    x = np.random.default_rng(0).normal(size=(120, 3)).astype("float32")
    y = x[:, 0] if kind == "numbers" else (x[:, :2] > 0).astype("float32")
    run = reweigh.fit((x, y), clean=range(50), rule="deep-interaction", steps=6, horizon=2, quick=True, verbose=False)
    assert run.summary["rule"] == "deep-interaction"
    assert "internal states" in run.summary["engine"]


def test_texts_of_a_source_are_weighed_by_the_states_of_their_words(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend("tests")
    sources = {"train": "Sentences", "clean": "CheckedSentences", "test": "NewSentences"}
    named = {part: f"small_sources:{name}" for part, name in sources.items()}
    use_sources(*named.values())
    said = {**named, "model": "small_sources:next_word", "rule": "deep-interaction", "steps": 4, "horizon": 2}
    summary = start(Settings.of(**said), tmp_path / "run", Nobody())
    assert "2:input" in summary["engine"]
    assert teacher_of(tmp_path / "run")[1]["masks"] == {"*": ["y", IGNORED]}


def test_a_translator_of_ones_own_names_what_reads_the_source(files, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend("tests")
    said = settings(files, model="sided_translators:of_no_names", steps=3, layers=None)
    with pytest.raises(
        BadInput, match=r"of the internal state 'left' count: .* like '\*:input', '\*encoder\*', '\*dec"
    ):
        start(Settings.of(**{**said, "teacher_states": ("left", "right")}), tmp_path / "a", Nobody())
    summary = start(Settings.of(**{**said, "model": "sided_translators:of_names"}), tmp_path / "b", Nobody())
    assert "internal states: encoder, decoder" in summary["engine"]
    summary = start(Settings.of(**said), tmp_path / "c", Nobody())
    assert "internal states: out:input" in summary["engine"]
    summary = start(Settings.of(**{**said, "teacher_reads": ("surface",)}), tmp_path / "d", Nobody())
    assert "internal states" not in summary["engine"]
