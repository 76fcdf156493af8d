"""Shards scored by actors of Ray Data: on one machine, or on all of a cluster that see the same files.

A row of the data set is the number of a shard, and what comes back is how many rows it had: the scores go to their
parts, as ever. So batches are those of one process, and a shard whose actor dies is done again by another, whole.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reweigh.errors import BadInput, ReweighError, require
from reweigh.run.watcher import Watcher
from reweigh.run.world import World
from reweigh.scoring.model import Loaded
from reweigh.scoring.plan import Plan
from reweigh.scoring.worker import Worker


class Actor:
    """One process of Ray's, with a model of its own."""

    def __init__(self, plan: Plan) -> None:
        self._worker = Worker(plan)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Score the shards of these numbers, (n,): their rows, and what was wrong with one, in words."""
        rows, wrong = list[int](), list[str]()
        for number in batch["shard"].tolist():
            try:
                rows.append(self._worker.shard(number))
                wrong.append("")
            except ReweighError as mistake:  # as a traceback of Ray's its sentence would be lost
                rows.append(0)
                wrong.append(str(mistake))
        return {"rows": rows, "wrong": wrong}


class ByRay:
    """So many actors, each with a GPU of its own where the work is on such."""

    name = "ray"

    def check(self, world: World, workers: int | None) -> None:
        """Whether it can begin.

        Raises:
            BadInput: if there is no actor, or torchrun has started several processes.
            MissingExtra: if Ray is not installed.
        """
        require("ray", "ray")
        require("ray.data", "ray")
        if world.size > 1:
            raise BadInput("--engine ray starts processes by itself: start one process, without torchrun")
        if workers is not None and workers < 1:
            raise BadInput(f"--workers is {workers}: give a number of actors, at least 1")

    def score(
        self, plan: Plan, loaded: Loaded, todo: Sequence[int], world: World, workers: int | None, watcher: Watcher
    ) -> int:
        """All shards, by the actors.

        Raises:
            BadInput: with the sentence of the first shard that cannot be scored, when the others are done.
        """
        if not todo:
            return 0
        ray, data = require("ray", "ray"), require("ray.data", "ray")
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        data.DataContext.get_current().enable_progress_bars = False
        on_gpu = loaded.device.type == "cuda"
        most = workers or max(1, int(ray.cluster_resources().get("GPU", 0)) if on_gpu else 1)
        shards = data.from_items([{"shard": number} for number in todo], override_num_blocks=len(todo))
        done = shards.map_batches(
            Actor, fn_constructor_args=(plan,), batch_size=1, num_gpus=1 if on_gpu else 0,
            compute=data.ActorPoolStrategy(size=min(most, len(todo))),
        )  # fmt: skip
        rows, mistake = 0, ""
        for one in done.iter_rows():
            rows, mistake = rows + int(one["rows"]), mistake or one["wrong"]
            watcher.step(rows)
        if mistake:
            raise BadInput(mistake)
        return rows
