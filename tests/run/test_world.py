"""One process is the trivial case; several gather what they have, unevenly much too, and average gradients."""

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from reweigh.errors import BadInput
from reweigh.run import World


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


def _rank(rank, place):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=2)
    world = World.here("cpu")
    assert world.is_main == (rank == 0)
    assert world.gather(torch.arange(rank + 1) + 10 * rank).tolist() == [0, 10, 11]
    model = world.wrap(torch.nn.Linear(1, 1, bias=False))
    model(torch.full((1, 1), float(rank))).sum().backward()
    assert float(model.module.weight.grad) == 0.5
    dist.destroy_process_group()


def test_two_processes(tmp_path):
    mp.spawn(_rank, (tmp_path / "meet",), nprocs=2)
