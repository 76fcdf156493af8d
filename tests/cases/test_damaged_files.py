"""Files of a run that were damaged, edited, mixed up or lost: a sentence, or what the undamaged run says."""

import json
import shutil

import pytest
from benchmarks.torture import run_folders

from damaged_runs import Listener, commands, flip
from own_files import command
from reweigh.audit import audit_run
from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.predict import predict_new
from reweigh.rules import MetaWeightNet
from reweigh.run.start import resume, start
from reweigh.settings import Settings

RESULTS = ("model.safetensors", "teacher.safetensors", "encoding.json", "weights.parquet", "metrics.jsonl")


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("what", ["audit", "predict"])
def test_a_bit_of_the_model_does_not_change_what_it_says(what, share, folder, new, tmp_path, refused):
    flip(folder / "model.safetensors", share)
    assert "model.safetensors is damaged" in refused(*commands(folder, new, tmp_path)[what])


@pytest.mark.parametrize("what", ["audit", "report", "predict"])
@pytest.mark.parametrize(
    ("name", "old", "new_text"),
    [
        ("config.json", '"lr": 0.001', '"lr": 0.002'),
        ("summary.json", '"steps": ', '"steps": 1'),
        ("metrics.jsonl", '"step": ', '"step": 1'),
    ],
)
def test_a_number_edited_by_hand_is_said(name, old, new_text, what, folder, new, tmp_path, refused):
    content = (folder / name).read_text()
    assert old in content
    (folder / name).write_text(content.replace(old, new_text, 1))
    sentence = refused(*commands(folder, new, tmp_path)[what])
    assert name in sentence
    assert "was edited" in sentence


def test_a_mean_edited_in_the_encoding_is_said(folder, new, refused, tmp_path):
    stored = json.loads((folder / "encoding.json").read_text())
    stored["reader"] = json.loads(json.dumps(stored["reader"]).replace("green", "grene"))
    (folder / "encoding.json").write_text(json.dumps(stored))
    assert "encoding.json is damaged or was edited" in refused(*commands(folder, new, tmp_path)["predict"])


@pytest.mark.parametrize("name", ["model.safetensors", "summary.json", "SHA256SUMS", "ledger/epoch-00001.parquet"])
def test_a_file_of_another_run_is_said(name, folder, made, tmp_path, new, refused):
    other = made / "other"
    if not other.exists():
        said = command("table", tmp_path / "data", other, "--epochs", "2", "--seed", "1", "--rule", "meta-weight-net")
        assert run(said) == 0
    shutil.copy(other / name, folder / name)
    sentence = refused(*commands(folder, new, tmp_path)["audit" if "ledger" in name else "predict"])
    assert "of another run" in sentence or f"{name} is damaged or was edited" in sentence


def test_the_digests_are_lost(folder, new, tmp_path, refused):
    (folder / "SHA256SUMS").unlink()
    assert "it is not what the run wrote (SHA256SUMS)" in refused(*commands(folder, new, tmp_path)["predict"])


@pytest.mark.filterwarnings("default::UserWarning")
def test_a_run_of_an_earlier_version_is_read_with_a_warning(folder, new, tmp_path, capsys):
    stored = json.loads((folder / "config.json").read_text())
    del stored["digest"]
    (folder / "config.json").write_text(json.dumps(stored))
    (folder / "SHA256SUMS").unlink()
    assert run([str(word) for word in commands(folder, new, tmp_path)["predict"]]) == 0
    assert "has no digests of its files: damage to them would go unnoticed" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["model.safetensors", "teacher.safetensors", "encoding.json", "weights.parquet", "summary.json"]
)
@pytest.mark.parametrize("how", ["flipped", "lost"])
def test_results_that_are_damaged_are_made_again_from_the_checkpoint(name, how, folder, made):
    whole = {file: (made / "run" / file).read_bytes() for file in RESULTS}
    if how == "lost":
        (folder / name).unlink()
    else:
        flip(folder / name, 0.6)
    watcher = Listener()
    resume(folder, {}, watcher)
    assert {file: (folder / file).read_bytes() for file in RESULTS} == whole
    unfinished = name == "summary.json" and how == "lost"
    assert unfinished or any(f"{name} is damaged or missing: it is made again" in said for said in watcher.said)
    watcher = Listener()
    resume(folder, {}, watcher)
    assert watcher.said[-1].endswith("nothing is left to do")


@pytest.mark.parametrize("name", ["checkpoint.pt", "metrics.jsonl", "ledger/epoch-00002.parquet", "SHA256SUMS"])
def test_what_cannot_be_made_again_is_a_sentence_at_a_resume_of_a_finished_run(name, folder, refused):
    flip(folder / name, 0.5)
    refused("train", "--resume", "--output", folder)


def test_without_checkpoint_a_damaged_model_is_not_trained_anew_without_a_word(folder, refused):
    flip(folder / "model.safetensors", 0.5)
    (folder / "checkpoint.pt").unlink()
    assert "checkpoint.pt is missing" in refused("train", "--resume", "--output", folder)


def test_killed_twice_before_the_first_checkpoint_got_its_name(tmp_path):
    """The lines of digests then speak of a checkpoint that never was."""
    config = Settings.of(dataset="digits", model="mlp", epochs=2, batch_size=400)
    start(config, tmp_path / "run", Listener())
    whole = (tmp_path / "run/model.safetensors").read_bytes()
    for name in (
        "checkpoint.pt",
        "metrics.jsonl",
        "model.safetensors",
        "weights.parquet",
        "summary.json",
        "distrusted.png",
    ):
        (tmp_path / "run" / name).unlink()
    watcher = Listener()
    resume(tmp_path / "run", {}, watcher)
    assert "starts from the beginning" in watcher.said[0]
    assert (tmp_path / "run/model.safetensors").read_bytes() == whole


def test_a_ledger_without_its_last_epoch_is_not_finished_without_a_word(folder, refused):
    (folder / "ledger/epoch-00002.parquet").unlink()
    assert "has 1 epochs but the run has 2" in refused("train", "--resume", "--output", folder)


def test_a_teacher_of_the_run_that_is_damaged_is_not_used(folder, made, tmp_path, refused):
    path = folder / "teacher.safetensors"
    flip(path, 0.9)
    with pytest.raises(BadInput, match=r"teacher\.safetensors is damaged or was edited"):
        MetaWeightNet.load(path)
    said = command("table", tmp_path / "data", tmp_path / "other", "--rule", "meta-weight-net", "--teacher", str(path))
    assert "is damaged" in refused(*said)


def test_python_is_told_as_well(folder, new):
    flip(folder / "model.safetensors", 0.8)
    with pytest.raises(BadInput, match="is damaged"):
        predict_new(folder, new)
    with pytest.raises(BadInput, match="is damaged"):
        audit_run(folder)
    with pytest.raises(BadInput, match="other settings"):
        resume(folder, {"lr": 0.5}, Listener())


def test_a_kill_before_a_file_got_its_name_is_no_damage(folder, made):
    digest = "0" * 64
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(f"{digest}  summary.json\n{digest}  check")  # the last line was not finished
    watcher = Listener()
    resume(folder, {}, watcher)
    assert "nothing is left to do" in watcher.said[-1]


@pytest.mark.parametrize("count", [2, pytest.param(12, marks=pytest.mark.slow)])
def test_some_damaged_folders(count):
    found = run_folders.run(7, count)
    assert found["wrong"] == []
    assert found["tried"] == found["sentences"] + found["same"] == 4 * count
