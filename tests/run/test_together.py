"""Several processes train one run: as one process would, with one voice, and failing together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from made_up_pairs import three_files
from many import begin, command, distance, end, free_port, metrics, train
from own_files import multi_label, regression, table
from reweigh.audit import audit_run
from reweigh.errors import BadInput, ReweighError
from reweigh.rules import registry
from reweigh.run.begun import goes_on
from reweigh.run.job.job import assemble
from reweigh.run.job.prepare import prepare
from reweigh.run.start import start
from reweigh.run.together import together
from reweigh.run.watcher import SILENT
from reweigh.settings import Settings
from reweigh.settings.usual import resolved

DIGITS = {"dataset": "digits", "steps": 12, "threads": 1, "noise": "background:0.4"}
UNEVEN = {**DIGITS, "batch_size": 51, "clean_batch_size": 50}
PARTS = ("train", "clean", "test")
OF_CHECKED = ("checked-only", "fine-tuned")
DIGITS_TOLD = ("train", "--dataset", "digits", "--steps", 40, "--threads", 1)


def own(folder, target, **more):
    files = {"train": f"{folder}/noisy.csv", "clean": f"{folder}/checked.csv"}
    return {**files, "target": target, "threads": 1, "epochs": 1, **more}


def two_are_one(cases, folder):
    """All cases by one pair of processes: starting these is what takes the time."""
    assert train([(settings, folder / "two" / name) for name, settings in cases.items()]) == [0, 0]
    for name, settings in cases.items():
        start(Settings.of(**settings), folder / "one" / name, SILENT)
        found = distance(folder / "two" / name, folder / "one" / name)
        assert found["model"] < 1e-5, (name, found)
        assert found["weights"] < 1e-5, (name, found)
        assert found["metrics"] < 1e-4, (name, found)  # of an AUROC a pair of examples may change places


def test_two_processes_are_one(tmp_path):
    regression(tmp_path)
    few = {**UNEVEN, "steps": 5}
    cases = {
        "l2rw": few,
        "smoothed": {**few, "rule": "smoothed", "clean_batch_size": 33},  # clean batches that cannot be shared
        "meta-weight-net": {**few, "rule": "meta-weight-net", "normalise": "mean"},
        "numbers": own(tmp_path, "price", rule="random", epochs=None, steps=3),
    }
    two_are_one(cases, tmp_path)
    folder = tmp_path / "two" / "l2rw"
    assert len(audit_run(folder).order) == 1342  # which opens it with its ledger, as any other


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


MISTAKES = {
    "not finite at step": ["--lr", "1e30"],
    "do not depend": ["--model", "small_sources:partly_used"],
    "rule 'no' is not known": ["--rule", "no"],
    "too small for 2 processes": ["--batch-size", "1"],
}


@pytest.mark.parametrize(
    "sentence", [*list(MISTAKES)[:2], *(pytest.param(s, marks=pytest.mark.slow) for s in list(MISTAKES)[2:])]
)
def test_a_mistake_is_said_once(sentence, tmp_path):
    codes, said = command([*DIGITS_TOLD, *MISTAKES[sentence], "--output", tmp_path / "run", "--overwrite"], tmp_path)
    assert codes == [2, 2]
    assert sum("reweigh: " in one for one in said) == 1, said
    assert any(sentence in one for one in said), said


@pytest.mark.slow
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


@pytest.mark.slow
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


def test_processes_that_do_not_meet_say_so_in_a_sentence(monkeypatch):
    """One that has failed before they met has said why; the others had a page of gloo's."""

    def lost(*args, **named):
        raise RuntimeError("Gloo connectFullMesh failed with [pair.cc:152] timed out connecting")

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("reweigh.run.together.rendezvous", lambda *args, **named: iter([(None, 0, 2)]))
    monkeypatch.setattr("reweigh.run.together.of_this_start", lambda store, *_: store)
    monkeypatch.setattr(torch.distributed, "init_process_group", lost)
    with (
        pytest.raises(ReweighError, match=r"have not met \(Gloo connectFullMesh.* has ended before, and says why"),
        together(),
    ):
        pass


def test_processes_that_are_started_again_go_on_with_what_they_had_begun(tmp_path, monkeypatch):
    run, said = tmp_path / "run", {**DIGITS, "steps": 2}
    assert not goes_on(run, said, overwrite=False)
    start(Settings.of(**said), run, SILENT)
    assert not goes_on(run, said, overwrite=False)  # it is the first time
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    assert goes_on(run, said, overwrite=False)
    assert goes_on(run, said, overwrite=True)
    assert not goes_on(run, {**said, "steps": 3}, overwrite=True)  # another run, which is to be replaced
    assert not goes_on(tmp_path / "none", said, overwrite=True)


def test_steps_to_learn_from_are_each_processs_own():
    config = resolved(Settings.of(**{**DIGITS, "rule": "meta-weight-net", "horizon": 5}))
    job = assemble(config, prepare(config))
    state = job.state_dict()
    assert "processes" not in state
    with pytest.raises(
        BadInput, match=r"made by 2 processes in the middle of a horizon: go on with as many \(torchrun"
    ):
        job.load_state_dict({**state, "processes": [state["reweigher"]] * 2})


def test_weights_of_each_processs_part_sum_to_one_by_choice(tmp_path):
    """A part of which all are wrong counts as much as one of which none is, which the oracle shows."""
    runs = {over: {**UNEVEN, "steps": 4, "rule": "oracle", "normalise_over": over} for over in ("global", "rank")}
    assert train([(settings, tmp_path / over) for over, settings in runs.items()]) == [0, 0]
    weights = {over: pq.read_table(tmp_path / over / "weights.parquet")["mean_weight"].to_numpy() for over in runs}
    kinds = {over: len(np.unique(found[found > 0].round(6))) for over, found in weights.items()}
    assert kinds["global"] <= 4 < kinds["rank"]  # of each batch, or part, those that are right weigh alike
    with pytest.raises(BadInput, match="choose one of global, rank"):
        Settings.of(**DIGITS, normalise_over="none")


@pytest.mark.slow
def test_all_rules_and_tasks_are_as_in_one_process(tmp_path):
    for make, name in ((table, "table"), (regression, "numbers"), (multi_label, "labels"), (three_files, "pairs")):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    pairs = {name: f"{tmp_path}/pairs/{file}.tsv" for name, file in (("train", "pairs"), ("clean", "checked"))}
    of_pairs = {
        **pairs,
        "source": "de",
        "target": "en",
        "task": "translation",
        "model": "small_sources:steady_translator",
        "batch_size": 64,
        "steps": 6,
        "threads": 1,
    }
    source = {name: f"small_sources:{kind}Sentences" for name, kind in zip(PARTS, ("", "Checked", "New"), strict=True)}
    cases = {rule: {**UNEVEN, "rule": rule, "keep_clean_in_train": rule in OF_CHECKED} for rule in registry.names()}
    cases |= {
        "mean": {**UNEVEN, "rule": "class-aware", "normalise": "mean"},
        "horizon": {**UNEVEN, "rule": "meta-weight-net", "horizon": 5},
        "virtual": {**UNEVEN, "rule": "meta-weight-net", "look_ahead": "virtual"},
        "contrast": {**UNEVEN, "contrast": "input"},
        "double": {**UNEVEN, "engine": "double"},
        "early": {**UNEVEN, "steps": None, "epochs": 4, "patience": 1},
        "table": own(tmp_path / "table", "buys"),
        "numbers": own(tmp_path / "numbers", "price", rule="judged"),
        "labels": own(tmp_path / "labels", "tags", task="multi-label", rule="l2rw"),
        "pairs": of_pairs,
        "taught": {**of_pairs, "rule": "deep-interaction", "horizon": 2},
        "tokens": {**source, "model": "small_sources:next_word", "rule": "l2rw", "steps": 9, "batch_size": 16},
    }
    two_are_one(cases, tmp_path)


@pytest.mark.slow
def test_torchrun_starts_a_killed_run_again(tmp_path):
    options = [*map(str, DIGITS_TOLD), "--model", "small_sources:killed_once"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--max-restarts", "1"]
    for name, where in (("whole", "nowhere"), ("run", tmp_path / "killed")):
        environment = {
            **os.environ,
            "KILLED_ONCE": str(where),
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(Path(__file__).parents[1]),
        }
        told = [*torchrun, "--master-port", str(free_port()), "-m", "reweigh", *options, "--output", tmp_path / name]
        assert subprocess.run(told, env=environment, check=False, timeout=300).returncode == 0
    assert (tmp_path / "killed").exists()
    assert results(tmp_path / "run") == results(tmp_path / "whole")


@pytest.mark.slow
def test_two_nodes_are_one_process(tmp_path):
    """Two of torchrun's own agents, as on two machines, which meet at an address."""
    meet = ["--nnodes", "2", "--nproc-per-node", "1", "--rdzv-backend", "c10d"]
    meet += ["--rdzv-endpoint", f"127.0.0.1:{free_port()}"]
    told = ["-m", "reweigh", *map(str, DIGITS_TOLD), "--rule", "l2rw", "--output", tmp_path / "two"]
    agent = [sys.executable, "-m", "torch.distributed.run", *meet, *told]
    nodes = [subprocess.Popen(agent, env={**os.environ, "OMP_NUM_THREADS": "1"}) for _ in range(2)]
    assert [node.wait(300) for node in nodes] == [0, 0]
    start(Settings.of(dataset="digits", steps=40, threads=1, rule="l2rw"), tmp_path / "one", SILENT)
    assert distance(tmp_path / "two", tmp_path / "one")["model"] < 1e-5
