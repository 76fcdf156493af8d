"""Scoring by actors of Ray Data: the same file, and what goes wrong in one is said. Where Ray is installed."""

import os
import signal

import pytest
import torch

import tiny_language_models as tiny
from reweigh.errors import BadInput, MissingExtra
from reweigh.run.world import World
from reweigh.scoring import score
from reweigh.scoring.by_ray import Actor, ByRay


@pytest.fixture
def files(tmp_path):
    return tiny.data_and_target(tmp_path, 4)


@pytest.fixture(scope="module")
def ray():
    found = pytest.importorskip("ray")
    pytest.importorskip("ray.data")
    environment = {name: os.environ.get(name, "") for name in ("PYTHONPATH", "OMP_NUM_THREADS")}
    found.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment})
    yield found
    found.shutdown()


def begin(files, model, output, **more):
    return score(files / "data", model=model, target=files / "clean.jsonl", output=files / output, **more)


class Mortal(Actor):
    """Dies at its first shard, once: the file says whether one has."""

    def __call__(self, batch):
        died = self._worker._plan.folder.parent / "died"
        if not died.exists():
            died.write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


@pytest.mark.slow
def test_actors_write_the_file_of_one_process_also_when_one_dies(ray, files, gpt2, monkeypatch):
    whole = begin(files, gpt2, "one.parquet").path.read_bytes()
    done = begin(files, gpt2, "two.parquet", engine="ray", workers=2)
    assert (done.rows, done.done) == (26, 26)
    assert done.path.read_bytes() == whole
    monkeypatch.setattr("reweigh.scoring.by_ray.Actor", Mortal)
    assert begin(files, gpt2, "three.parquet", engine="ray").path.read_bytes() == whole
    assert (files / "died").exists()


@pytest.mark.slow
def test_a_mistake_in_an_actor_is_its_sentence_and_a_resume_goes_on(ray, files, gpt2):
    good = (files / "data" / "3.jsonl").read_bytes()
    tiny.json_lines(files / "data" / "3.jsonl", [*tiny.pairs(7), {"id": "bad", "prompt": 3, "response": "x"}])
    with pytest.raises(BadInput, match="row bad of"):
        begin(files, gpt2, "one.parquet", engine="ray")
    with pytest.raises(BadInput, match="row bad of"):
        begin(files, gpt2, "one.parquet", resume=True)  # the other three are done
    (files / "data" / "3.jsonl").write_bytes(good)
    assert begin(files, gpt2, "one.parquet", overwrite=True).rows == 26


def test_without_ray_it_is_said_what_to_install(files, gpt2, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'reweigh\[ray\]'"):
        begin(files, gpt2, "one.parquet", engine="ray")


def test_actors_that_are_none_and_processes_too_many(ray):
    with pytest.raises(BadInput, match="give a number of actors, at least 1"):
        ByRay().check(World(torch.device("cpu")), 0)
    with pytest.raises(BadInput, match="start one process, without torchrun"):
        ByRay().check(World(torch.device("cpu"), 0, 2), None)
