"""Who does the shards: this process, all that torchrun has started, or actors of Ray Data. The scores are the same."""

from collections.abc import Callable, Mapping, Sequence

from reweigh import distributed
from reweigh.errors import BadInput
from reweigh.run.watcher import Watcher
from reweigh.run.world import World
from reweigh.scoring.model import Loaded
from reweigh.scoring.plan import Plan
from reweigh.scoring.worker import Worker

Engine = Callable[[Plan, Loaded, Sequence[int], World, int | None, Watcher], int]
"""Does these shards of a plan and says how many rows they had: on the main process, of all of them."""


def by_torch(
    plan: Plan, loaded: Loaded, todo: Sequence[int], world: World, workers: int | None, watcher: Watcher
) -> int:
    """Each process takes its share of the shards, the largest first, dealt out one by one."""
    if workers is not None:
        raise BadInput(
            "--workers is for --engine ray: start several processes by `torchrun --nproc-per-node 2 -m reweigh score ...`"
        )
    own = 0

    def done(rows: int) -> None:
        nonlocal own
        own += rows
        watcher.step(own * world.size)

    mine = todo[world.rank :: world.size]
    with distributed.alone():
        if mine:
            worker = Worker(plan, loaded)
            for number in mine:
                worker.shard(number, done)
    return sum(world.gathered(own))


ENGINES: Mapping[str, Engine] = {"torch": by_torch}
