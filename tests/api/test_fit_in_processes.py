"""`reweigh.fit` in a script that torchrun starts: two processes make one run of the same data and each has it."""

import os
import traceback

import numpy as np
import pytest
import torch
from torch import nn

import reweigh
from many import distance, free_port
from reweigh.run import Callback
from reweigh.run.together import Elsewhere
from run.conftest import CONTEXT

X = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
SETTINGS = {"clean": list(range(30)), "rule": "l2rw", "steps": 6, "batch_size": 40, "clean_batch_size": 10, "threads": 1,
            "verbose": False, "quick": True, "seed": 0}  # fmt: skip


class Net(nn.Sequential):
    def __init__(self, shape, outputs):
        super().__init__(nn.Linear(shape[0], 8), nn.Tanh(), nn.Linear(8, outputs))


class Steps(Callback):
    def __init__(self):
        self.seen = 0

    def on_step(self, step):
        self.seen += 1


def fitted(output, shift=0.0, **more):
    steps = Steps()
    run = reweigh.fit((X + shift, Y), model=Net, output=output, callbacks=[steps], **{**SETTINGS, **more})
    return run, steps


def one_of(job, rank, port, folder):
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "RANK": rank, "WORLD_SIZE": 2, "LOCAL_RANK": rank}
    os.environ.update({name: str(value) for name, value in address.items()})
    torch.set_num_threads(1)
    try:
        with open(folder / f"{rank}.said", "w") as said:
            os.dup2(said.fileno(), 1)
            job(rank, folder)
    except Elsewhere:
        os._exit(3)
    except BaseException:
        (folder / f"{rank}.error").write_text(traceback.format_exc())
        os._exit(1)


def by_two(job, folder):
    """Exit codes."""
    port = free_port()
    processes = [CONTEXT.Process(target=one_of, args=(job, rank, port, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    return [process.exitcode for process in processes]


def both(rank, folder):
    """Twice in one script, the second time with a comparison and words."""
    run, steps = fitted(folder / "run")
    assert steps.seen == 6
    assert run.finished.summary["steps"] == 6
    assert len(run.predict(X[:5]).values) == 5
    again, _ = fitted(folder / "again", quick=False, verbose=True)
    assert again.finished.summary["steps"] == 6
    assert (folder / "again" / "verdict.json").exists()
    torch.testing.assert_close(again.model.state_dict(), run.model.state_dict(), rtol=0, atol=0)


def test_two_processes_make_one_run(tmp_path):
    assert by_two(both, tmp_path) == [0, 0], [path.read_text() for path in tmp_path.glob("*.error")]
    fitted(tmp_path / "alone")
    found = distance(tmp_path / "run", tmp_path / "alone")
    assert max(found.values()) < 1e-5, found
    assert "6 steps" in (tmp_path / "0.said").read_text()
    assert (tmp_path / "1.said").read_text() == ""


def other_data(rank, folder):
    fitted(folder / "run", shift=float(rank))


def test_other_data_in_each_process_are_refused_and_nothing_is_left(tmp_path):
    assert by_two(other_data, tmp_path) == [3, 1]
    assert "processes were given other things under train=: make the same data" in (tmp_path / "1.error").read_text()
    assert not (tmp_path / "run" / "config.json").exists()
    assert not list((tmp_path / "run").rglob("*.npz"))


def a_group_of_ones_own(rank, folder):
    torch.distributed.init_process_group("gloo")
    fitted(folder / "run")


def test_a_group_that_is_there_already_is_refused(tmp_path):
    assert 1 in by_two(a_group_of_ones_own, tmp_path)
    assert "are a group already" in next(tmp_path.glob("*.error")).read_text()


def test_the_same_settings_are_given_back_to_one_process():
    config = {"train": "a", "lr": 0.1}
    assert reweigh.api.fitting.same_in_all(config) is config


@pytest.mark.slow
def test_the_run_goes_on_in_one_process(tmp_path):
    assert by_two(both, tmp_path) == [0, 0]
    run = reweigh.fit(output=tmp_path / "run", resume=True, model=Net, verbose=False, quick=True)
    assert run.finished.summary["steps"] == 6
