"""What ranks agree on, in a group of one, in none, and by two processes."""

import pytest
import torch
import torch.distributed as dist

from reweigh import distributed
from reweigh.errors import NonFinite, Overflow
from reweigh.rules import to_sum_one
from two_ranks import on_two_ranks


def test_without_a_process_group_all_is_handed_back():
    v, direction = torch.ones(2), {"a": torch.ones(2)}
    assert (distributed.world_size(), distributed.rank()) == (1, 0)
    assert distributed.summed(v) is v
    assert distributed.averaged(direction) is direction
    assert (distributed.sizes(3, v.device), distributed.size_of_batch(3, v.device)) == ([3], 3)
    assert distributed.from_first(v) is v
    assert distributed.over_the_batch(torch.neg, v).tolist() == [-1.0, -1.0]


def test_what_is_entered_is_left_whatever_happens():
    for block in (distributed.alone(), distributed.weights_over("rank")):
        with pytest.raises(KeyError), block:
            raise KeyError
    assert (distributed._alone, distributed._own_sums) == (False, False)


def test_a_group_of_one_is_none(tmp_path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    v = torch.ones(2)
    assert (distributed.world_size(), distributed.rank()) == (1, 0)
    assert distributed.summed(v) is v


def _on_rank(rank):
    own = torch.tensor([1.0, 10.0]) * (rank + 1)
    direction = {"a": torch.full((2, 3), float(rank)), "b": torch.tensor(4.0 * rank), "c": torch.zeros(0)}
    joined, part = distributed.joined(own[: rank + 1])
    found = {
        "numbers": (distributed.world_size(), distributed.rank()),
        "summed": distributed.summed(own),
        "own": own,
        "averaged": distributed.averaged(direction),
        "direction": direction,
        "empty": distributed.averaged({}),
        "sizes": distributed.sizes(rank + 1, own.device),
        "joined": (joined, part.start, part.stop),
        "ranked": distributed.over_the_batch(lambda whole: whole.argsort().argsort(), own[: rank + 1]),
        "a rank": distributed.size_of_batch(rank + 1, own.device),
        "from the first": distributed.from_first(f"from {rank}"),
        "to one": to_sum_one(own),
    }
    with distributed.alone():
        found["alone"] = distributed.world_size(), distributed.rank(), distributed.summed(own)
    with distributed.weights_over("rank"):
        found["to one a rank"] = to_sum_one(own)
        found["own size"] = distributed.size_of_batch(rank + 1, own.device)
    try:
        distributed.agree(NonFinite("mine") if rank else None, own.device)
    except NonFinite as error:
        found["elsewhere"] = distributed.is_elsewhere(error)
    try:
        distributed.agree(NonFinite("a NaN") if rank else Overflow("too large"), own.device)
    except NonFinite as error:
        found["worse"] = type(error), str(error)
    return found


def test_two_ranks():
    for rank, found in enumerate(on_two_ranks(_on_rank)):
        assert found["numbers"] == (2, rank)
        assert found["summed"].tolist() == [3.0, 30.0]
        assert found["own"].tolist() == [1.0 * (rank + 1), 10.0 * (rank + 1)]  # the given tensor is not written to
        assert torch.equal(found["averaged"]["a"], torch.full((2, 3), 0.5))
        assert torch.equal(found["averaged"]["b"], torch.tensor(2.0))
        assert found["averaged"]["c"].shape == (0,)
        assert torch.equal(found["direction"]["a"], torch.full((2, 3), float(rank)))
        assert found["empty"] == {}
        assert found["sizes"] == [1, 2]
        assert (found["joined"][0].tolist(), *found["joined"][1:]) == ([1, 2, 20], rank, 1 + 2 * rank)
        assert found["ranked"].tolist() == [[0], [1, 2]][rank]
        assert (found["a rank"], found["own size"]) == (1.5, rank + 1)
        assert found["from the first"] == "from 0"
        assert found["to one"].tolist() == pytest.approx([2 * (rank + 1) / 33, 20 * (rank + 1) / 33])
        assert found["to one a rank"].tolist() == pytest.approx([1 / 11, 10 / 11])
        assert found["alone"][:2] == (1, 0)
        assert found["alone"][2].tolist() == found["own"].tolist()
        assert found["elsewhere"] == (rank == 0)
        assert found["worse"] == (NonFinite, ["too large", "a NaN"][rank])
