"""Pretrained encoder-decoders and given pieces, as a user has them: train, a kill, translate, audit, hand on."""

import csv
import json
import shutil
import signal

import pytest

import reweigh
import tiny_translators as tiny
from made_up_pairs import pairs, three_files
from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.predict import predict_new
from reweigh.run.start import resume, start
from reweigh.settings import Settings

from .conftest import Nobody
from .test_resume_own import finish, results_of


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    three_files(folder, 60)
    for name in ("marian", "t5"):
        getattr(tiny, name)(folder / name)
    tiny.nllb(folder / "nllb")
    tiny.pieces(folder / "joint.model")
    return folder


def settings(files, model=None, **more):
    named = {"train": f"{files}/pairs.tsv", "clean": f"{files}/checked.tsv", "source": "de", "target": "en"}
    how = {"batch_size": 32, "epochs": 3, "threads": 1}
    return {
        **named,
        **how,
        **({"model": f"hf:{files}/{model}"} if model else {"pieces": f"{files}/joint.model"}),
        **more,
    }


@pytest.mark.slow
@pytest.mark.parametrize("model", ["marian", "t5", None])
def test_a_killed_run_ends_with_the_same_files(model, files, tmp_path, in_process):
    said = settings(files, model)
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    start(Settings.of(**said), whole, Nobody())
    assert finish(in_process(said, folder, 7)) == -signal.SIGKILL
    assert finish(in_process(said, folder)) == 0
    assert results_of(folder) == results_of(whole)


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        ("marian", "smoothed"),
        *(pytest.param(name, "smoothed", marks=pytest.mark.slow) for name in ("t5", "nllb")),
        pytest.param("marian", None, marks=pytest.mark.slow),
        pytest.param(None, None, marks=pytest.mark.slow),
    ],
)
def test_the_whole_way(model, rule, files, tmp_path, capsys):
    said = settings(files, model, steps=2, epochs=None, rule=rule)
    if model == "nllb":
        said |= {"languages": "deu_Latn,eng_Latn"}
    folder, named = tmp_path / "run", ["--model", said["model"]] if model else []
    options = [word for name, value in said.items() if value for word in (f"--{name.replace('_', '-')}", str(value))]
    assert run(["train", *options, "--output", str(folder), "--quick"]) == 0
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["score"], summary["rule"]) == ("test_bleu", rule or "drawn")
    assert ("Ghost" in summary["engine"]) == (rule == "smoothed")
    told = json.loads((folder / "config.json").read_text())["settings"]
    assert told["lr"] == (0.00005 if model else 0.001)
    for beam in (1, 2):
        command = ["predict", str(folder), str(files / "new.tsv"), "--output", str(tmp_path / f"{beam}.txt")]
        assert run([*command, "--beam", str(beam), *named]) == 0
        assert len((tmp_path / f"{beam}.txt").read_text().split("\n")) == 21
    assert run(["audit", str(folder), "--output", str(tmp_path / "audit.csv"), *named]) == 0
    with (tmp_path / "audit.csv").open() as file:
        rows = list(csv.DictReader(file))
    given = pairs(60, 0, 0.3)[0]
    assert {(row["source"], row["given_label"]) for row in rows} <= set(given)
    assert run(["export", str(folder), str(tmp_path / "corpus"), "--to", "marian", *named]) == 0
    assert set((tmp_path / "corpus.de").read_text().splitlines()) <= {source for source, _ in given}
    assert "Traceback" not in capsys.readouterr().err


def test_a_model_from_elsewhere_is_named_again(files, tmp_path):
    said = settings(files, "t5", steps=1, epochs=None, rule="uniform")
    start(Settings.of(**said), tmp_path / "run", Nobody())
    with pytest.raises(BadInput, match="names a model from elsewhere"):
        predict_new(tmp_path / "run", files / "new.tsv")
    encoding = tmp_path / "run" / "encoding.json"
    told = json.loads(encoding.read_text())
    encoding.write_text(json.dumps({**told, "reader": {**told["reader"], "tokenizer": f"{files}/marian"}}))
    with pytest.raises(BadInput, match="is damaged or was edited"):
        predict_new(tmp_path / "run", files / "new.tsv", model=said["model"])


def test_what_was_learnt_can_be_saved_for_transformers_again(files, tmp_path):
    said = settings(files, "marian", steps=2, epochs=None)
    train, clean, threads = said.pop("train"), said.pop("clean"), said.pop("threads")
    found = reweigh.fit(train, clean=clean, verbose=False, quick=True, threads=threads, **said)
    found.model.module.network.save_pretrained(tmp_path / "saved")
    again = tiny.transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "saved")
    state = found.model.module.network.state_dict()
    assert all((value == state[name]).all() for name, value in again.state_dict().items())


def test_pieces_that_have_changed_are_refused_and_found_where_they_went(files, tmp_path):
    model = tmp_path / "joint.model"
    shutil.copy(files / "joint.model", model)
    said = settings(files, pieces=str(model), steps=2, epochs=None, rule="uniform")
    summary = start(Settings.of(**said), tmp_path / "run", Nobody())
    (tmp_path / "run" / "summary.json").unlink()  # as if it had not ended
    assert resume(tmp_path / "run", {}, Nobody())["steps"] == summary["steps"]
    (tmp_path / "run" / "summary.json").unlink()
    tiny.pieces(model, vocab_size=70, model_type="bpe")
    with pytest.raises(BadInput, match=r"joint.model is not what it was when the run began"):
        resume(tmp_path / "run", {}, Nobody())
    model.unlink()
    with pytest.raises(BadInput, match=r"joint.model"):
        resume(tmp_path / "run", {}, Nobody())


def test_new_texts_are_cut_by_the_pieces_that_the_run_has_kept(files, tmp_path):
    model = tmp_path / "joint.model"
    shutil.copy(files / "joint.model", model)
    start(Settings.of(**settings(files, pieces=str(model), steps=1, epochs=None)), tmp_path / "run", Nobody())
    model.unlink()
    assert len(predict_new(tmp_path / "run", files / "new.tsv")) == 20


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"model": "t5", "pieces": "joint.model"}, "cuts texts into pieces of its own: leave --pieces out"),
        ({"model": "t5", "vocabulary": 4000}, "cuts texts into pieces of its own: leave --vocabulary out"),
        ({"model": "t5", "languages": "de,en"}, "leave --languages out"),
        ({"model": "nllb", "languages": "de"}, "--languages is 'de': give both, FROM,TO"),
        ({"model": "nllb"}, "knows no language 'de'"),
        ({"pieces": "pairs.tsv"}, "pairs.tsv is no SentencePiece model: give --pieces the .model file"),
        ({"pieces": "nowhere.model"}, "nowhere.model"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(more, sentence, files, tmp_path):
    said = settings(files, more.get("model"), **{name: value for name, value in more.items() if name != "model"})
    if "pieces" in more:
        said["pieces"] = str(files / more["pieces"])
    with pytest.raises(BadInput, match=sentence) as refused:
        start(Settings.of(**said), tmp_path / "run", Nobody())
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_translations_are_learnt_though_a_third_of_the_pairs_is_misaligned(tmp_path):
    three_files(tmp_path, 300)
    easy = {"d_model": 64, "init_std": 0.1, "scale_embedding": True, "dropout": 0.0}  # also for transformers' own loop
    tiny.marian(tmp_path / "marian", **easy)
    start(Settings.of(**settings(tmp_path, "marian", epochs=None, steps=600, lr=0.003)), tmp_path / "run", Nobody())
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["test_bleu"] > 80
