"""Several processes train one run: as one process would, with one voice, and failing together."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from many import begin, command, distance, end, metrics, train
from own_files import regression, table
from reweigh.audit import audit_run
from reweigh.run.start import start
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings

from .test_resume_own import results_of

DIGITS = {"dataset": "digits", "steps": 12, "threads": 1, "noise": "background:0.4"}
UNEVEN = {**DIGITS, "batch_size": 51, "clean_batch_size": 50}
DIGITS_TOLD = ("train", "--dataset", "digits", "--steps", 40, "--threads", 1)


def own(folder, target, **more):
    files = {"train": f"{folder}/noisy.csv", "clean": f"{folder}/checked.csv"}
    return {**files, "target": target, "threads": 1, "epochs": 1, **more}


def two_are_one(cases, folder, bound=1e-5):
    """All cases by one pair of processes: starting these is what takes the time."""
    assert train([(settings, folder / "two" / name) for name, settings in cases.items()]) == [0, 0]
    for name, settings in cases.items():
        start(Settings.of(**settings), folder / "one" / name, SILENT)
        found = distance(folder / "two" / name, folder / "one" / name)
        assert max(found.values()) < bound, (name, found)


def test_two_processes_are_one(tmp_path):
    regression(tmp_path)
    cases = {
        "l2rw": UNEVEN,
        "shared clean batches that do not divide": {**DIGITS, "clean_batch_size": 33},
        "smoothed": {**UNEVEN, "rule": "smoothed"},
        "meta-weight-net": {**UNEVEN, "rule": "meta-weight-net", "normalise": "mean"},
        "numbers": own(tmp_path, "price", rule="random"),
    }
    two_are_one(cases, tmp_path)
    folder = tmp_path / "two" / "l2rw"
    assert len(audit_run(folder).suspects) > 0  # which opens it with its ledger, as any other
    assert json.loads((folder / "config.json").read_text())["settings"]["normalise_over"] == "global"


def until_there(path, seconds=120):
    end_ = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < end_:
        time.sleep(0.02)
    assert path.exists()


def test_a_model_that_breaks_in_one_process_ends_both_with_its_own_error(tmp_path):
    more = ("--model", "small_sources:fails_on_the_second", "--output", tmp_path / "run")
    codes, said = command([*DIGITS_TOLD, *more], tmp_path)
    assert codes == [2, 1]
    assert said[0] == ""
    assert "the second one breaks" in said[1]


def test_a_mistake_is_said_once(tmp_path):
    for more in (["--rule", "none-such"], ["--lr", "1e30"], ["--batch-size", "1"]):
        codes, said = command([*DIGITS_TOLD, *more, "--output", tmp_path / "run", "--overwrite"], tmp_path)
        assert codes == [2, 2]
        assert sum("reweigh: " in one for one in said) == 1, said


def test_a_killed_process_ends_the_other_and_both_go_on_when_they_are_started_again(tmp_path):
    arguments = [*DIGITS_TOLD, "--rule", "smoothed", "--output"]
    assert command([*arguments, tmp_path / "whole"], tmp_path)[0] == [0, 0]
    processes = begin([*arguments, tmp_path / "run"], tmp_path)
    until_there(tmp_path / "run" / "checkpoint.pt")
    os.kill(processes[1].pid, signal.SIGKILL)
    codes, said = end(processes, tmp_path)
    assert codes[1] == -signal.SIGKILL
    if codes[0] != 0:  # it was not done before
        assert codes[0] == 2
        assert "another process of this run has ended without a word" in said[0]
    assert command([*arguments, tmp_path / "run"], tmp_path)[0] == [2, 2]  # by somebody who starts it anew
    assert command([*arguments, tmp_path / "run"], tmp_path, TORCHELASTIC_RESTART_COUNT=1)[0] == [0, 0]
    assert results(tmp_path / "run") == results(tmp_path / "whole")
    assert metrics(tmp_path / "run") == metrics(tmp_path / "whole")


def results(folder):
    found = {name: (folder / name).read_bytes() for name in ("model.safetensors", "weights.parquet")}
    return found | {part.name: part.read_bytes() for part in (folder / "ledger").iterdir()}


def test_ctrl_c_ends_both_with_one_sentence(tmp_path):
    run = tmp_path / "run"
    processes = begin(["train", "--dataset", "digits", "--steps", 5000, "--threads", 1, "--output", run], tmp_path)
    until_there(run / "checkpoint.pt")
    for process in processes:
        os.kill(process.pid, signal.SIGTERM)  # which is what torchrun makes of it
    codes, said = end(processes, tmp_path)
    assert codes == [130, 130]
    assert "stopped; epoch" in said[0]
    assert f"go on with `torchrun --nproc-per-node 2 -m reweigh train --output {run} --resume`" in said[0]
    assert said[1] == ""


def test_processes_that_nobody_tells_where_they_meet(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"):
        monkeypatch.delenv(name, raising=False)
    from reweigh.cli.guard import run as alone

    assert alone([str(word) for word in (*DIGITS_TOLD, "--output", tmp_path / "run")]) == 2
    assert "nobody says where they meet" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
