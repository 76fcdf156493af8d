"""`join()` lets ranks have unevenly many batches; what weights need from all ranks it does not know, and that is said."""

import pytest
import torch
import torch.nn.functional as F
from torch import distributed, nn
from torch.distributed.algorithms.join import Join

from reweigh import L2RW, Reweigher
from reweigh.errors import BadInput
from reweigh.rules import MetaWeightNet
from two_ranks import on_two_ranks

TOLD = "under join"
CASES = ("uneven", "class", "curve", "no join", "disabled")


def batch_of(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=draw), "y": torch.randint(3, (n,), generator=draw)}


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def train(by, optimizer, batches):
    for k in range(batches):
        optimizer.zero_grad()
        by.backward(batch_of(8, k))
        optimizer.step()
        by.after_step()


def said_in(case, rank):
    """What is said on this rank, and the parameters that the training led to."""
    torch.manual_seed(0)
    model = nn.parallel.DistributedDataParallel(nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    settings = {"rule": MetaWeightNet(hidden=4), "optimizer": optimizer} if case == "curve" else {"rule": L2RW()}
    by = Reweigher(model, loss, clean=batch_of(6, 9), **settings)
    try:
        if case == "no join":
            train(by, optimizer, 3)
        elif case == "disabled":
            with model.join(enable=False):
                train(by, optimizer, 3)
        else:
            with Join([model]) if case == "class" else model.join():
                train(by, optimizer, 3 + rank)
    except BadInput as error:
        return str(error), []
    return "", [p.detach() for p in model.parameters()]


def on_rank(rank):
    return {case: said_in(case, rank) for case in CASES}


@pytest.fixture(scope="module")
def ranks():
    """What two ranks have to say of each case; processes are dear to start, so one pair serves all."""
    return on_two_ranks(on_rank)


@pytest.mark.parametrize("case", ["uneven", "class", "curve"])
def test_uneven_batches_under_join_are_refused_on_every_rank_at_once(case, ranks):
    for found in ranks:
        assert TOLD in found[case][0]


@pytest.mark.parametrize("case", ["no join", "disabled"])
def test_even_batches_train_without_it(case, ranks):
    (said, one), (_, other) = (found[case] for found in ranks)
    assert said == ""
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_one_process_may_be_under_join(tmp_path):
    store = distributed.FileStore(f"{tmp_path}/store", 1)
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    model = nn.parallel.DistributedDataParallel(nn.Linear(6, 3))
    by = Reweigher(model, loss, rule=L2RW(), clean=batch_of(6, 9))
    with model.join():
        assert by.backward(batch_of(8)).weights.isfinite().all()
