"""Several ranks are one."""

from collections.abc import Iterable

import torch
from torch import distributed, nn

from laws.bounds import assert_close, bound
from laws.weights import part_of, reweigher
from reweigh import L2RW, Reweigher
from zoo import Case, named
from zoo.case import B


def weigh_on_rank(rank: int, names: list[str], engines: list[str], folder: str) -> None:
    """One of two processes: weighs its half of the batch with its half of the clean batch, and steps under DDP."""
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", 2)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    found = {}
    for case in named(*names):
        for engine in engines:
            scene = case.build()
            clean = case.build(seed=1).train  # six examples, which two ranks can share evenly
            rows = slice(rank * B // 2, (rank + 1) * B // 2)
            model = nn.parallel.DistributedDataParallel(scene.model)
            by_rule = Reweigher(model, scene.per_example_loss, rule=L2RW(), clean=[part_of(clean, rows)], engine=engine)
            weights = by_rule.backward(part_of(scene.train, rows)).weights
            found[f"{case}-{engine}"] = weights, [p.grad.clone() for p in scene.model.parameters()]
    torch.save(found, f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def two_ranks_are_one(cases: Iterable[Case], engines: Iterable[str], folder: str) -> None:
    """Two ranks with half a batch each take the step that one rank takes with the whole batch.

    DDP averages the gradients of its ranks, so each rank's weights are twice those that the one rank gives.
    """
    names, engines = [str(case) for case in cases], list(engines)
    torch.multiprocessing.spawn(weigh_on_rank, (names, engines, folder), nprocs=2)
    halves = [torch.load(f"{folder}/{rank}.pt") for rank in range(2)]
    for case in named(*names):
        for engine in engines:
            scene = case.build()
            by_rule = reweigher(scene, engine, clean=[case.build(seed=1).train])
            whole = by_rule.backward(scene.train).weights
            (left, left_grads), (right, right_grads) = (half[f"{case}-{engine}"] for half in halves)
            assert_close(torch.cat([left, right]) / 2, whole, 10 * bound(case, engine))
            for one, two, p in zip(left_grads, right_grads, scene.model.parameters(), strict=True):
                assert torch.equal(one, two)
                assert_close(one, p.grad, 10 * bound(case, engine))
