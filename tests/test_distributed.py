"""What ranks agree on, in a group of one, in none, and by two processes."""

import torch
import torch.distributed as dist

from reweigh import distributed


def test_without_a_process_group_all_is_handed_back():
    v, direction = torch.ones(2), {"a": torch.ones(2)}
    assert (distributed.world_size(), distributed.rank()) == (1, 0)
    assert distributed.summed(v) is v
    assert distributed.averaged(direction) is direction


def test_a_group_of_one_is_none(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    v = torch.ones(2)
    assert (distributed.world_size(), distributed.rank()) == (1, 0)
    assert distributed.summed(v) is v


def _on_rank(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    own = torch.tensor([1.0, 10.0]) * (rank + 1)
    direction = {"a": torch.full((2, 3), float(rank)), "b": torch.tensor(4.0 * rank), "c": torch.zeros(0)}
    found = {
        "numbers": (distributed.world_size(), distributed.rank()),
        "summed": distributed.summed(own),
        "own": own,
        "averaged": distributed.averaged(direction),
        "direction": direction,
        "empty": distributed.averaged({}),
    }
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_two_ranks(tmp_path):
    torch.multiprocessing.spawn(_on_rank, (str(tmp_path),), nprocs=2)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt")
        assert found["numbers"] == (2, rank)
        assert found["summed"].tolist() == [3.0, 30.0]
        assert found["own"].tolist() == [1.0 * (rank + 1), 10.0 * (rank + 1)]  # the given tensor is not written to
        assert torch.equal(found["averaged"]["a"], torch.full((2, 3), 0.5))
        assert torch.equal(found["averaged"]["b"], torch.tensor(2.0))
        assert found["averaged"]["c"].shape == (0,)
        assert torch.equal(found["direction"]["a"], torch.full((2, 3), float(rank)))
        assert found["empty"] == {}
