"""Several ranks are one."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from laws.bounds import assert_close, bound
from laws.weights import part_of, reweigher
from reweigh import L2RW, Reweigher
from two_ranks import on_two_ranks
from zoo import Case, named
from zoo.case import B


def weigh_on_rank(rank: int, names: list[str], engines: list[str]) -> dict[str, tuple[Tensor, list[Tensor]]]:
    """One of two processes: weighs its half of the batch with its half of the clean batch, and steps under DDP."""
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
    return found


def two_ranks_are_one(cases: Iterable[Case], engines: Iterable[str]) -> None:
    """Two ranks with half a batch each take the step that one rank takes with the whole batch.

    DDP averages the gradients of its ranks, so each rank's weights are twice those that the one rank gives.
    """
    names, engines = [str(case) for case in cases], list(engines)
    halves = on_two_ranks(weigh_on_rank, names, engines)
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
