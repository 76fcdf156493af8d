"""A run that is killed at any moment ends with the same files as one that never was."""

import json
import random
import signal

import pytest
import torch

from reweigh.run.folder.checkpoint import load_checkpoint
from reweigh.run.folder.run_folder import FILES
from reweigh.run.start import Interrupted, resume, start
from reweigh.settings import Settings

from .conftest import Nobody

SETTINGS = {
    "dataset": "digits",
    "noise": "background:0.4",
    "model": "mlp",
    "epochs": 3,
    "batch_size": 150,
    "clean_batch_size": 30,  # so that the clean stream stands in the middle of a pass
    "optimizer": "adam",
    "schedule": "cosine",
    "augment": "crop",
    "threads": 1,
}
RESULTS = ("model.safetensors", "weights.parquet", "distrusted.png")


def results_of(folder):
    """All that a run leaves behind, without the seconds it took."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    summary = json.loads((folder / "summary.json").read_text())
    for item in (*lines, summary):
        item.pop("seconds")
    summary.pop("engine")  # says that the choice was taken over
    results = {name: (folder / name).read_bytes() for name in RESULTS} | {"lines": lines, "summary": summary}
    return results | {part.name: part.read_bytes() for part in (folder / "ledger").iterdir()}


def contents(folder):
    """Every file of a run, byte for byte."""
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def finish(process):
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, in_process):
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    assert finish(in_process(SETTINGS, folder)) == 0
    return results_of(folder)


USUAL = (1, 2, 4, 7, 11, 13, 14, 15)
"""One of each file, and the last one; the others are longer checks."""


@pytest.mark.parametrize(
    "replacement", [pytest.param(n, marks=() if n in USUAL else pytest.mark.slow) for n in range(1, 16)]
)
def test_killed_at_each_renaming_of_a_file(replacement, undisturbed, tmp_path, in_process):
    folder = tmp_path / "run"
    code = finish(in_process(SETTINGS, folder, replacement))
    # 1 config, 3 files for each of 3 epochs, then model, weights, pictures and summary: 14 in all
    assert code == (-signal.SIGKILL if replacement <= 14 else 0)
    assert (folder / "summary.json").exists() == (replacement > 14)
    assert finish(in_process(SETTINGS, folder)) == 0
    assert results_of(folder) == undisturbed
    assert not [left for left in folder.rglob("*") if left.name.endswith(".part")]


def test_killed_again_and_again_at_random_moments(undisturbed, tmp_path, in_process):
    """Four processes in turn, each killed up to 80 ms after it has written something."""
    folder, moments, kills = tmp_path / "run", random.Random(0), 0
    for _ in range(4):
        before, process = written(folder), in_process(SETTINGS, folder)
        while written(folder) == before and process.exitcode is None:
            process.join(0.005)
        process.join(moments.uniform(0, 0.08))
        process.kill()
        kills += finish(process) == -signal.SIGKILL
    assert kills >= 1  # the first, at least: a whole run takes longer than that
    assert finish(in_process(SETTINGS, folder)) == 0
    assert results_of(folder) == undisturbed


def written(folder):
    """Changes when a file of the run does, temporary ones left out."""
    return {name: (folder / name).stat().st_mtime_ns for name in FILES if (folder / name).exists()}


@pytest.mark.parametrize("rule", ["random", "resampling", "hard-mining", "oracle"])
def test_every_rule_resumes_to_the_same_result(rule, tmp_path):
    config = Settings.of(**{**SETTINGS, "rule": rule, "warm_up": 5})
    start(config, tmp_path / "whole", Nobody())
    with pytest.raises(Interrupted, match="epochs 1 to 2 of 3 saved"):
        start(config, tmp_path / "run", StopsAt(20))
    resume(tmp_path / "run", {}, Nobody())
    assert results_of(tmp_path / "run")["model.safetensors"] == results_of(tmp_path / "whole")["model.safetensors"]
    assert results_of(tmp_path / "run")["weights.parquet"] == results_of(tmp_path / "whole")["weights.parquet"]


class StopsAt(Nobody):
    """Presses ctrl-C after so many steps."""

    def __init__(self, steps):
        self.steps = steps

    def step(self, done):
        if done == self.steps:
            raise KeyboardInterrupt


def test_saving_seldom_loses_epochs_but_no_line_is_there_twice(tmp_path):
    config = Settings.of(**{**SETTINGS, "epochs": 5, "checkpoint_every": 2})
    start(config, tmp_path / "whole", Nobody())
    with pytest.raises(Interrupted, match="epochs 1 to 2 of 5 saved"):
        start(config, tmp_path / "run", StopsAt(33))  # in epoch 4, after epoch 3
    resume(tmp_path / "run", {"checkpoint_every": 1}, Nobody())
    assert results_of(tmp_path / "run") == results_of(tmp_path / "whole")


def test_lines_beyond_the_checkpoint_are_dropped(tmp_path):
    config = Settings.of(**SETTINGS)
    start(config, tmp_path / "whole", Nobody())
    with pytest.raises(Interrupted):
        start(config, tmp_path / "run", StopsAt(20))
    with open(tmp_path / "run" / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 3, "seconds": 1}\n')
    resume(tmp_path / "run", {}, Nobody())
    assert results_of(tmp_path / "run") == results_of(tmp_path / "whole")


def test_stopped_before_the_first_epoch_starts_anew(tmp_path):
    config = Settings.of(**SETTINGS)
    with pytest.raises(Interrupted, match="no epoch of 3 saved"):
        start(config, tmp_path / "run", StopsAt(2))
    resume(tmp_path / "run", {}, Nobody())
    start(config, tmp_path / "whole", Nobody())
    assert results_of(tmp_path / "run") == results_of(tmp_path / "whole")


def test_resuming_a_finished_run_does_nothing(tmp_path):
    config = Settings.of(**{**SETTINGS, "epochs": 1})
    summary = start(config, tmp_path / "run", Nobody())
    before = contents(tmp_path / "run")
    assert resume(tmp_path / "run", {"epochs": 1}, Nobody()) == summary
    assert contents(tmp_path / "run") == before


def test_a_run_leaves_the_callers_random_state(tmp_path):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    start(Settings.of(**{**SETTINGS, "epochs": 1}), tmp_path / "run", Nobody())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_checkpoint_holds_the_place_of_every_part(tmp_path):
    start(Settings.of(**{**SETTINGS, "epochs": 2}), tmp_path / "run", Nobody())
    state = load_checkpoint(tmp_path / "run" / "checkpoint.pt")
    assert state["epochs_done"] == 2
    assert state["reweigher"]["step"] == 18
    assert int(state["records"]["totals"]["sums"]["visits"].sum()) == 2 * 1342


def test_a_second_run_of_the_same_settings_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        start(Settings.of(**{**SETTINGS, "epochs": 1, "seed": seed}), tmp_path / name, Nobody())
    assert results_of(tmp_path / "one") == results_of(tmp_path / "two")
    assert results_of(tmp_path / "one")["model.safetensors"] != results_of(tmp_path / "other")["model.safetensors"]
