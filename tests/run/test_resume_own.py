"""Runs on own data that were killed or stopped end with the same files; data that changed in between are noticed."""

import json
import signal

import pytest

from own_files import multi_label, regression, table
from reweigh.errors import BadInput
from reweigh.run.start import Interrupted, resume, start
from reweigh.settings import Settings

from .conftest import Nobody

RESULTS = ("model.safetensors", "weights.parquet", "encoding.json")
MAKERS = {"table": (table, "buys"), "regression": (regression, "price"), "multi-label": (multi_label, "tags")}


def settings(folder, kind="table", **more):
    make, target = MAKERS[kind]
    folder.mkdir(exist_ok=True)
    make(folder)
    files = {"train": f"{folder}/noisy.csv", "clean": f"{folder}/checked.csv", "target": target}
    task = {"task": kind} if kind == "multi-label" else {}
    return {**files, **task, "epochs": 3, "rule": "l2rw", "clean_batch_size": 17, **more}


def results_of(folder):
    found = {name: (folder / name).read_bytes() for name in RESULTS}
    return found | {part.name: part.read_bytes() for part in (folder / "ledger").iterdir()}


def finish(process):
    process.join(60)
    return process.exitcode


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return settings(tmp_path_factory.mktemp("own-data"))


@pytest.fixture(scope="module")
def undisturbed(said, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own-run") / "run"
    start(Settings.of(**said), folder, Nobody())
    return results_of(folder)


@pytest.mark.parametrize("replacement", [1, 4, 6, 11, 12, 13, 14, 15])
def test_killed_at_a_renaming_of_a_file(replacement, said, undisturbed, tmp_path, in_process):
    folder = tmp_path / "run"
    code = finish(in_process(said, folder, replacement))
    # 1 config, 3 files for each of 3 epochs, then model, encoding, weights and summary: 14 in all
    assert code == (-signal.SIGKILL if replacement <= 14 else 0)
    assert finish(in_process(said, folder)) == 0
    assert results_of(folder) == undisturbed


class StopsAt(Nobody):
    """Presses ctrl-C after so many steps."""

    def __init__(self, steps):
        self.steps = steps

    def step(self, done):
        if done == self.steps:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("kind", ["regression", "multi-label"])
@pytest.mark.parametrize("rule", ["l2rw", "meta-weight-net"])
def test_every_task_resumes_to_the_same_result(kind, rule, tmp_path):
    config = Settings.of(**settings(tmp_path / "data", kind, rule=rule))
    start(config, tmp_path / "whole", Nobody())
    with pytest.raises(Interrupted, match="epochs 1 to 2 of 3 saved"):
        start(config, tmp_path / "run", StopsAt(8))
    resume(tmp_path / "run", {}, Nobody())
    assert results_of(tmp_path / "run") == results_of(tmp_path / "whole")


@pytest.mark.parametrize("name", ["noisy.csv", "checked.csv"])
def test_data_that_changed_in_between(name, tmp_path):
    config = Settings.of(**settings(tmp_path / "data"))
    with pytest.raises(Interrupted):
        start(config, tmp_path / "run", StopsAt(4))
    before = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    path = tmp_path / "data" / name
    path.write_text(path.read_text().replace("green", "grey", 1))
    with pytest.raises(BadInput, match=f"{name} is not what it was when the run began"):
        resume(tmp_path / "run", {}, Nobody())
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == before


def test_what_is_said_again_must_be_the_same(said, tmp_path):
    start(Settings.of(**said), tmp_path / "run", Nobody())
    resume(tmp_path / "run", said, Nobody())
    with pytest.raises(BadInput, match="other settings"):
        resume(tmp_path / "run", {**said, "target": "colour"}, Nobody())


def test_the_config_says_what_was_usual_and_which_data(said, tmp_path):
    start(Settings.of(**said), tmp_path / "run", Nobody())
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["model"] == "table"
    assert set(config["data"]) == {"train", "clean"}
    assert all(len(told["digest"]) == 32 for told in config["data"].values())
