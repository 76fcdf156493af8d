"""One process is the trivial case; several gather what they have, unevenly much too, and average gradients."""

import re
from pathlib import Path

import pytest
import torch

import reweigh
from reweigh.cli.guard import run as command
from reweigh.errors import BadInput
from reweigh.run import Callback, World
from reweigh.run.job.job import assemble
from reweigh.run.job.prepare import prepare
from reweigh.run.start import start
from reweigh.run.world import _own_device
from reweigh.settings import Settings
from reweigh.settings.usual import resolved
from two_ranks import on_two_ranks


def test_one_process():
    world = World.here("cpu")
    tensor, model = torch.arange(3), torch.nn.Linear(1, 1)
    assert (world.rank, world.size, world.is_main) == (0, 1, True)
    assert world.gather(tensor) is tensor
    assert world.wrap(model) is model


def test_the_device_that_is_there():
    wanted = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert World.here().device.type == wanted
    with pytest.raises(BadInput, match="device='abacus' cannot be used on this machine"):
        World.here("abacus")


def _rank(rank):
    world = World.here("cpu")
    assert world.is_main == (rank == 0)
    assert world.gather(torch.arange(rank + 1) + 10 * rank).tolist() == [0, 10, 11]
    assert world.from_main(rank) == 0
    assert world.gathered(rank) == ([0, 1] if rank == 0 else [1])
    done = []
    assert world.on_main(lambda: done.append(1) or World.here("cpu")) == World(torch.device("cpu"))
    assert len(done) == (rank == 0)  # and it was alone meanwhile
    parts = torch.nn.BatchNorm1d(2), torch.nn.LayerNorm(2), torch.nn.Dropout(0.0)
    assert world.apart(torch.nn.Sequential(*parts)) == ["batch normalisation"]
    assert world.apart(torch.nn.Dropout(0.5)) == ["dropout"]
    model = world.wrap(torch.nn.Linear(1, 1, bias=False))
    model(torch.full((1, 1), float(world.rank))).sum().backward()
    assert float(model.module.weight.grad) == 0.5


def test_two_processes():
    on_two_ranks(_rank)


class StandIn(World):
    """Rank 1 of 2 whose companion has nothing: what it would wait for is there at once."""

    def gather(self, tensor):
        return tensor

    def wrap(self, model):
        return model.to(self.device)

    def from_main(self, item):
        return item or {"test_accuracy": 0.5, "validation_loss": 1.0}


class Listening:
    """A watcher that remembers."""

    def __init__(self):
        self.said = []

    def note(self, said, *more):
        self.said.append(said)

    phase = started = step = epoch = note


DIGITS = {"dataset": "digits", "steps": 20, "threads": 1}


def test_another_than_the_main_process_trains_along_and_writes_and_says_nothing(tmp_path):
    class Steps(Callback):
        taken = 0

        def on_step(self, step):
            self.taken += 1

    steps, other = Steps(), StandIn(torch.device("cpu"), rank=1, size=2)
    told = Listening()
    config = Settings.of(**DIGITS, patience=3)
    assert start(config, tmp_path / "run", told, callbacks=[steps], world=other) == {}
    assert (steps.taken, told.said) == (20, [])
    assert list(tmp_path.iterdir()) == []


def test_the_world_is_handed_on(tmp_path):
    """`assemble` asks nobody else where it trains, and the student is wrapped there."""

    class Wrapping(StandIn):
        def wrap(self, model):
            return torch.nn.parallel.DataParallel(model.to(self.device))

    config = resolved(Settings.of(**DIGITS, device="cuda:7"))  # which is not asked for
    job = assemble(config, prepare(config), world=Wrapping(torch.device("cpu"), rank=1, size=2))
    assert job.device.type == "cpu"
    assert isinstance(job.reweigher._student.model, torch.nn.parallel.DataParallel)
    assert job.reweigher._student.module is job.student


def test_each_process_has_a_device_of_its_own(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    for there, name in ((0, "cpu"), (2, "cuda:1")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda there=there: there)
        assert str(_own_device("auto")) == name
    assert str(_own_device("cuda:0")) == "cuda:1"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for device in ("cuda", "mps"):
        with pytest.raises(BadInput, match="this machine has 1 of the device"):
            _own_device(device)


@pytest.mark.parametrize("told", ["2", "8"])
def test_several_processes_are_told_that_one_is_wanted(told, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", told)
    for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"):
        monkeypatch.delenv(name, raising=False)
    output = str(tmp_path / "run")
    with pytest.raises(BadInput, match=f"one of {told} processes, and nobody says where they meet"):
        reweigh.fit(dataset="digits", steps=2, output=output)
    with pytest.raises(BadInput, match="its folder is theirs together: name it by output="):
        reweigh.fit(dataset="digits", steps=2)
    for more in ([], ["--resume"]):
        assert command(["train", "--output", output, *(more or ["--dataset", "digits", "--steps", "2"])]) == 2
        err = " ".join(capsys.readouterr().err.split())
        assert f"one of {told} processes, and nobody says where they meet" in err
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("WORLD_SIZE", "1")  # torchrun with one process
    assert command(["train", "--output", output, "--dataset", "digits", "--steps", "2"]) == 0


def test_nobody_else_in_the_application_asks_for_a_rank():
    root = Path(reweigh.__file__).parent
    agreeing = "together|everywhere|summed|size_of_batch"  # what hosts let all ranks agree on, whoever has which number
    rooms = ("settings", "run", "audit", "hosts", "api", "cli", "predict", "report", "data", "tasks")
    asking = [
        path.relative_to(root).as_posix()
        for room in rooms
        for path in (root / room).rglob("*.py")
        if re.search(
            rf"world_size|get_rank|\brank\(\)|WORLD_SIZE|LOCAL_RANK|distributed\.(?!{agreeing})", path.read_text()
        )
    ]
    assert sorted(asking) == ["run/together.py", "run/world.py"]
