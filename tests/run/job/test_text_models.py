"""Texts without a model named: MiniLM and TF-IDF where it is installed, TF-IDF elsewhere; each text is read once."""

import json

import numpy as np
import pytest
import torch

import small_minilm
from own_files import write_csv
from reweigh import minilm
from reweigh.cli.guard import run
from reweigh.data.own.texts import TextReader
from reweigh.errors import BadInput, MissingExtra
from reweigh.models.text_body import Encoder
from reweigh.run.job import features
from reweigh.run.job.job import assemble
from reweigh.run.job.prepare import prepare, with_clean_kept
from reweigh.run.job.usual import with_usual
from reweigh.run.start import start
from reweigh.settings import Settings

from ..conftest import Nobody

OPINIONS = {"for": ["good", "very good", "the good one"], "against": ["bad", "very bad", "the bad one"]}


class Notes(Nobody):
    def __init__(self):
        self.said = []

    def note(self, sentence, in_full=""):
        self.said.append(sentence)


@pytest.fixture(autouse=True)
def forgotten():
    """What a body said in another test is not known."""
    features._last = features._Kept(b"")


@pytest.fixture
def said(tmp_path):
    """Settings of a run on titles, of which a third say the opposite of what they are marked as."""
    draw = np.random.default_rng(0)
    for name, count, wrong in (("noisy", 90, 3), ("checked", 24, 0), ("new", 40, 0)):
        rows = []
        for k in range(count):
            opinion = ("for", "against")[k % 2]
            thing = draw.choice(["film", "play", "a film", "a play", "the one"])
            text = f"{thing} {draw.choice(OPINIONS[opinion])} {name} {k}"
            rows.append([text, ("for", "against")[(k + (wrong and k % 3 == 0)) % 2]])
        write_csv(tmp_path / f"{name}.csv", ["title", "opinion"], rows)
    named = {
        part: str(tmp_path / f"{name}.csv")
        for part, name in (("train", "noisy"), ("clean", "checked"), ("test", "new"))
    }
    return {**named, "target": "opinion", "text": "title", "steps": 150}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    (tmp_path / "minilm").mkdir()
    small_minilm.install(monkeypatch, tmp_path / "minilm")


@pytest.fixture
def missing(monkeypatch):
    small_minilm.uninstall(monkeypatch)


def job_of(said, **more):
    config = Settings.of(**said, rule="uniform", **more)
    data = prepare(config)
    config = with_usual(config, data)
    return assemble(config, with_clean_kept(config, data))


@pytest.mark.usefixtures("missing")
def test_without_an_encoder_it_is_tf_idf_and_that_is_said(said, tmp_path):
    watcher = Notes()
    summary = start(Settings.of(**said, rule="uniform"), tmp_path / "run", watcher)
    (sentence,) = [note for note in watcher.said if "linear layer" in note]
    assert sentence.startswith(
        "texts are read by TF-IDF under a linear layer, since no encoder of sentences is installed"
    )
    assert summary["test_accuracy"] > 0.9
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["settings"]["model"] == "tfidf"
    named = Notes()
    start(Settings.of(**said, rule="uniform", model="tfidf"), tmp_path / "again", named)
    assert not any("linear layer" in note for note in named.said)  # who named it knows


@pytest.mark.usefixtures("missing")
def test_a_finished_run_predicts_without_its_training_data(said, tmp_path, capsys):
    start(Settings.of(**said, rule="l2rw"), tmp_path / "run", Nobody())
    (tmp_path / "noisy.csv").unlink()
    assert run(["predict", str(tmp_path / "run"), said["test"], "--output", str(tmp_path / "p.csv")]) == 0, (
        capsys.readouterr()
    )
    predicted = (tmp_path / "p.csv").read_text().splitlines()
    assert len(predicted) == 41


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
def test_where_it_is_installed_minilm_reads_each_text_once(said, tmp_path, monkeypatch):
    asked = []
    forward = Encoder.forward
    monkeypatch.setattr(Encoder, "forward", lambda self, tokens: asked.append(len(tokens)) or forward(self, tokens))
    watcher = Notes()
    summary = start(Settings.of(**said), tmp_path / "run", watcher)  # the choice of a rule, and then the run
    assert sum("MiniLM, which is installed, and TF-IDF" in note for note in watcher.said) == 1
    assert summary["test_accuracy"] > 0.9
    assert sum(asked) == 90 + 24 + 40
    from reweigh.verdict import verdict_of

    verdict_of(tmp_path / "run")
    assert sum(asked) == 90 + 24 + 40
    assert run(["predict", str(tmp_path / "run"), said["test"], "--output", str(tmp_path / "p.csv")]) == 0


@pytest.mark.usefixtures("installed")
def test_the_features_are_those_of_the_whole_model(said):
    job = job_of(said)
    rows = torch.arange(20)
    tokens, known = job.data.train.batch(rows)["x"], job.inputs.train.batch(rows)["x"]
    torch.testing.assert_close(job.model.body(tokens), known, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(job.model(tokens), job.student(known), atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("installed")
def test_too_many_texts_are_read_by_tf_idf(said, monkeypatch, tmp_path):
    monkeypatch.setattr("reweigh.data.own.texts.MOST_READ", 50)
    watcher = Notes()
    start(Settings.of(**said, rule="uniform"), tmp_path / "run", watcher)
    assert any("since there are more texts than MiniLM reads in minutes" in note for note in watcher.said)


@pytest.mark.usefixtures("installed")
def test_features_that_memory_does_not_hold_lie_on_the_disk(said, monkeypatch):
    in_memory = job_of(said)
    features._last = features._Kept(b"")
    monkeypatch.setenv("REWEIGH_IN_MEMORY", "2000")
    on_disk = job_of(said)
    assert not isinstance(on_disk.inputs.train.x, torch.Tensor)
    rows = torch.tensor([7, 0, 60, 113])
    assert torch.equal(on_disk.inputs.train.batch(rows)["x"], in_memory.inputs.train.batch(rows)["x"])
    tfidf = job_of(said, model="tfidf")  # which is asked each time
    assert tfidf.student is tfidf.model


@pytest.mark.usefixtures("missing")
def test_one_that_is_not_installed_is_named_with_what_to_install(said):
    with pytest.raises(MissingExtra, match=r"reweigh\[sentences\]"):
        prepare(Settings.of(**said, model="minilm"))


@pytest.mark.usefixtures("installed")
def test_other_files_than_those_that_are_known_are_not_read(tmp_path):
    (tmp_path / "minilm/tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match=r"tokenizer.json is not the file that reweigh knows"):
        minilm.folder()


def test_the_transformer_is_taken_by_name_alone(said):
    job = job_of(said, model="transformer")
    assert job.student is job.model
    assert TextReader.kind == "text"
