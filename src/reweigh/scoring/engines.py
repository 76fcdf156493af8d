"""Who does the shards: this process, all that torchrun has started, or actors of Ray Data. The scores are the same."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from reweigh import distributed
from reweigh.errors import BadInput
from reweigh.run.watcher import Watcher
from reweigh.run.world import World
from reweigh.scoring.by_ray import ByRay
from reweigh.scoring.model import Loaded
from reweigh.scoring.plan import Plan
from reweigh.scoring.worker import Worker


class Engine(Protocol):
    """Deals out shards, and knows nothing of what is done with one."""

    @property
    def name(self) -> str:
        """What it is asked for by."""
        ...

    def check(self, world: World, workers: int | None) -> None:
        """Whether it can begin, before any work is done.

        Raises:
            BadInput: saying what to do.
        """
        ...

    def score(
        self, plan: Plan, loaded: Loaded, todo: Sequence[int], world: World, workers: int | None, watcher: Watcher
    ) -> int:
        """Have these shards of a plan scored; how many rows they had: on the main process, of all of them."""
        ...


class ByTorch:
    """This process, or all that torchrun has started, each of which takes its share of the shards."""

    name = "torch"

    def check(self, world: World, workers: int | None) -> None:
        """Processes are torchrun's to start."""
        if workers is not None:
            raise BadInput(
                "--workers is for --engine ray: start several processes by `torchrun --nproc-per-node 2 -m reweigh "
                "score ...`"
            )

    def score(
        self, plan: Plan, loaded: Loaded, todo: Sequence[int], world: World, workers: int | None, watcher: Watcher
    ) -> int:
        """The largest shards first, dealt out one by one."""
        own = 0

        def done(rows: int) -> None:
            nonlocal own
            own += rows
            watcher.step(own * world.size)

        with distributed.alone():  # each process computes by itself
            if mine := todo[world.rank :: world.size]:
                worker = Worker(plan, loaded)
                for number in mine:
                    worker.shard(number, done)
        return sum(world.gathered(own))


ENGINES: Mapping[str, Engine] = {one.name: one for one in (ByTorch(), ByRay())}
