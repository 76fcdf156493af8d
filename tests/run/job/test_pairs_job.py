"""Pairs of texts go through the parts of a run that other data go through: settings, models, early stopping, places."""

import json

import pytest
import torch
from torch import nn

import reweigh
from made_up_pairs import pairs, tsv
from own_translator import Own, own
from reweigh.data.own import Sources, read_own
from reweigh.errors import BadInput
from reweigh.run.folder.own_files import check_unchanged, fingerprints, located
from reweigh.run.job.evaluate import mean_loss_on
from reweigh.run.job.job import loss_on
from reweigh.run.job.prepare import prepare, with_held_back
from reweigh.run.job.usual import with_usual
from reweigh.run.start import resume, start
from reweigh.settings import Settings
from reweigh.verdict.learners import learner_for

from ..conftest import Nobody


def said(files, **more):
    named = {"train": f"{files}/pairs.tsv", "clean": f"{files}/checked.tsv", "source": "de", "target": "en"}
    return {**named, "batch_size": 16, "steps": 2, **more}


def test_what_is_usual_and_what_is_said_otherwise(files):
    config = Settings.of(**said(files))
    run = with_usual(config, prepare(config))
    assert (run.weights.rule, run.weights.layers, run.weights.contrast) == ("drawn", ("body",), "input")
    assert (run.student.label_smoothing, run.student.lr_warm_up, run.student.schedule) == (0.1, 100, "cosine")
    for rule, contrast in (("smoothed", "input"), ("deep-interaction", "none"), ("meta-weight-net", "none")):
        assert with_usual(config.but(rule=rule), prepare(config)).weights.contrast == contrast
    taught = with_usual(config.but(rule="deep-interaction", contrast="input"), prepare(config))
    assert taught.weights.contrast == "input"
    other = with_usual(config.but(rule="uniform", contrast="none", label_smoothing=0.0, lr_warm_up=0), prepare(config))
    assert (other.weights.rule, other.weights.contrast) == ("uniform", "none")
    assert (other.student.label_smoothing, other.student.lr_warm_up) == (0.0, 0)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"model": "transformer"}, "model 'transformer' does not read pairs: take one of translator-tiny"),
        ({"model": "hf:./nowhere"}, "the tokenizer of hf:./nowhere cannot be loaded"),
        ({"languages": "deu_Latn,eng_Latn"}, "--languages is for models of Hugging Face that know many"),
        ({"pieces": "./nowhere.model"}, "there is nothing at ./nowhere.model|nowhere.model"),
        ({"noise": "uniform:0.4"}, "noise and imbalance are made of classes, and the task is translation"),
        ({"label_smoothing": 0.95}, "label_smoothing is 0.95: give a number of at most 0.9"),
        ({"contrast": "inputs"}, "contrast 'inputs' is not known .did you mean 'input'."),
    ],
)
def test_what_pairs_cannot_be_trained_with_is_a_sentence(files, tmp_path, more, sentence):
    with pytest.raises(BadInput, match=sentence):
        start(Settings.of(**said(files, **more)), tmp_path / "run", Nobody())


def test_smoothing_is_for_sequences(tmp_path):
    path = tsv(tmp_path / "t.tsv", [(str(n), "ab"[n % 2]) for n in range(40)], ["x", "y"])
    settings = Settings.of(train=path, clean=path, target="y", label_smoothing=0.1, steps=1, rule="l2rw")
    with pytest.raises(BadInput):
        start(settings, tmp_path / "run", Nobody())


@pytest.mark.slow
def test_the_epoch_is_chosen_by_held_back_pairs(files, tmp_path):
    summary = start(Settings.of(**said(files, steps=None, epochs=3, patience=1)), tmp_path / "run", Nobody())
    assert 1 <= summary["best_epoch"] <= 3
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert all(line["validation_loss"] > 0 for line in lines)


def test_the_mean_loss_is_that_of_all_and_leaves_the_mode_as_found(files):
    config = Settings.of(**said(files, patience=1))
    held = with_held_back(config, prepare(config)).held
    model = Own(held.task.outputs).train()
    loss = loss_on(torch.device("cpu"), held.task)
    found = mean_loss_on(model, held, loss, batch_size=5)
    whole = loss(model.eval(), held.batch(torch.arange(len(held)))).mean().detach()
    assert found == pytest.approx(float(whole), rel=1e-5)
    model.train()
    mean_loss_on(model, held, loss)
    assert model.training


@pytest.mark.slow
def test_half_precision(files, tmp_path):
    summary = start(Settings.of(**said(files, precision="bf16")), tmp_path / "run", Nobody())
    assert summary["steps"] == 2


def test_a_model_of_ones_own_by_its_name_and_as_an_object(files, tmp_path):
    named = said(files, rule="l2rw", layers=None)
    train, clean = named.pop("train"), named.pop("clean")
    run = reweigh.fit(train, clean=clean, model=own, quick=True, verbose=False, **named)
    assert run.summary["score"] == "test_bleu"
    wrong = nn.Linear(3, 3)
    with pytest.raises(BadInput, match="cannot be called with these data"):
        reweigh.fit(train, clean=clean, model=wrong, quick=True, verbose=False, **named)


def test_no_learner_of_the_trade_translates(files):
    own = read_own(Sources(**{k: v for k, v in said(files).items() if k not in ("batch_size", "steps")}), seed=0)
    assert learner_for(own.train.task, own.encoding, 3, 0) is None


def test_two_files_are_found_again_where_they_lie_and_where_they_went(tmp_path, monkeypatch):
    rows = pairs(40)[0]
    (tmp_path / "old").mkdir()
    for side, name in ((0, "de"), (1, "en")):
        (tmp_path / "old" / f"c.{name}").write_text("".join(f"{row[side]}\n" for row in rows))
    checked = tsv(tmp_path / "checked.tsv", pairs(30, 1)[0])
    monkeypatch.chdir(tmp_path / "old")
    for train in ("c", "c.de,c.en"):
        config = Settings.of(train=train, clean=checked, source="de", target="en")
        stored = fingerprints(config)
        assert check_unchanged(config, stored) is None
        monkeypatch.chdir(tmp_path)
        assert located(config, stored, None).data.train == stored["train"]["path"]
        (tmp_path / "old").rename(tmp_path / "new")
        there = located(config, stored, str(tmp_path / "new"))
        assert check_unchanged(there.but(clean=checked), stored) is None
        (tmp_path / "new" / "c.en").write_text("changed\n" * 40)
        with pytest.raises(BadInput, match="is not what it was when the run began"):
            check_unchanged(there.but(clean=checked), stored)
        (tmp_path / "new" / "c.en").write_text("".join(f"{row[1]}\n" for row in rows))
        (tmp_path / "new").rename(tmp_path / "old")
        monkeypatch.chdir(tmp_path / "old")


def test_a_finished_run_is_gone_on_with_as_such(files, tmp_path):
    summary = start(Settings.of(**said(files)), tmp_path / "run", Nobody())
    assert resume(tmp_path / "run", {"source": "de", "target": "en"}, Nobody()) == summary
    with pytest.raises(BadInput, match="source is 'de' there, not 'fr'"):
        resume(tmp_path / "run", {"source": "fr"}, Nobody())
