"""An engine's own pass serves training under DistributedDataParallel, and goes through it."""

import os
import tempfile
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from reweigh import L2RW, Reweigher
from reweigh._types import Params
from reweigh.alignment import Engine, Forward, Ghost
from reweigh.alignment.refusal import CannotGoThrough
from reweigh.data_parallel import takes_shared_passes
from reweigh.student import EngineTask
from two_ranks import on_two_ranks

N = 8
CALLS = tempfile.TemporaryFile()  # noqa: SIM115 -- as long as the process
"""A byte a call of the model: what else is counted while an engine looks is put back."""


class Counted(nn.Module):
    """Remembers what it has seen in a buffer, which DDP sends around at each forward pass of training."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 4), nn.Linear(4, 3)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        os.write(CALLS.fileno(), b".")
        if self.training:
            self.seen += len(x)
        return self.head(self.body(x).tanh())


def losses(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def data(seed: int) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(N, 3, generator=draw, dtype=torch.double), torch.randint(3, (N,), generator=draw)


def halves(batch: tuple[Tensor, Tensor], rank: int) -> tuple[Tensor, Tensor]:
    x, y = (part.chunk(2)[rank] for part in batch)
    return x, y


def model_of() -> Counted:
    torch.manual_seed(0)
    return Counted().double()


def refuse_later(rank: int) -> None:
    """Ghost cannot go on in the middle of a pass that serves training, at the second batch of rank 0."""
    passes, shared_pass = [0], Ghost.shared_pass

    def fails(self: Ghost, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        both = shared_pass(self, task, direction)
        passes[0] += task.trained_on
        if rank == 0 and passes[0] == 2:
            raise CannotGoThrough("ghost", "body", "not today")
        return both

    Ghost.shared_pass = fails  # type: ignore[method-assign]


class Unaware(Forward):
    """Somebody's engine, whose shared pass knows of no wrapper."""

    def shared_pass(self, task: EngineTask, direction: Params) -> tuple[Tensor, Tensor]:
        with task.apart():
            return super().shared_pass(task, direction)


def engine_of(name: str) -> str | Engine:
    return {"unaware": Unaware(), "refused": "auto"}.get(name, name)


class Steps(NamedTuple):
    """Gradients of three steps on this rank, how often the model was called in each, and its buffer after each."""

    gradients: list[Tensor]
    calls: list[int]
    seen: list[float]


def steps(rank: int, engine: str, options: dict[str, bool]) -> Steps:
    model = model_of()
    wrapped = DistributedDataParallel(model, **options)
    if engine == "refused":
        refuse_later(rank)
    by = Reweigher(wrapped, losses, rule=L2RW(), clean=[halves(data(9), rank)], engine=engine_of(engine))
    found, calls, seen = list[Tensor](), list[int](), list[float]()
    for seed in range(3):
        model.zero_grad()
        before = os.fstat(CALLS.fileno()).st_size
        by.backward(halves(data(seed), rank))
        calls.append(os.fstat(CALLS.fileno()).st_size - before)
        seen.append(float(model.seen))
        found.append(torch.cat([p.grad.flatten().clone() for p in model.parameters()]))
    return Steps(found, calls, seen)


def alone(engine: str) -> list[Tensor]:
    model = model_of()
    by = Reweigher(model, losses, rule=L2RW(), clean=[data(9)], engine=engine_of(engine))
    found = []
    for seed in range(3):
        model.zero_grad()
        by.backward(data(seed))
        found.append(torch.cat([p.grad.flatten().clone() for p in model.parameters()]))
    return found


CASES: dict[str, tuple[str, dict[str, bool], int]] = {
    "ghost": ("ghost", {}, 2),
    "forward": ("forward", {}, 2),
    "double": ("double", {}, 2),
    "unused": ("forward", {"find_unused_parameters": True}, 3),
    "static": ("ghost", {"static_graph": True}, 3),
    "unaware": ("unaware", {}, 4),
    "refused": ("refused", {}, 2),
}
"""An engine, what the wrapper is told, and how many calls of the model a step takes: one of the clean batch and one of the
other, and one more where the wrapper wants a pass of its own; `refused` are those of the engine that goes on.
"""


def all_steps(rank: int) -> dict[str, Steps]:
    return {name: steps(rank, engine, options) for name, (engine, options, _) in CASES.items()}  # the refused one last


def test_a_step_on_two_ranks_has_no_pass_too_many() -> None:
    """All in one pair of processes: starting these is what takes the time.

    Where one rank's pass ends in a refusal the buffers were sent around already: the pass of the next engine sends none,
    or the other rank would be waited for.
    """
    for found in on_two_ranks(all_steps):
        for name, (engine, _, calls) in CASES.items():
            for gradient, whole in zip(found[name].gradients, alone(engine), strict=True):
                torch.testing.assert_close(
                    gradient, whole, rtol=0, atol=1e-12, msg=lambda said, name=name: f"{name}: {said}"
                )
            if name != "refused":
                assert found[name].calls[-1] == calls, name
            if name != "unaware":
                assert found[name].seen == [4.0, 8.0, 12.0], name  # a batch is seen once a step


def test_a_wrapper_that_is_not_known_is_left_to_itself() -> None:
    module = model_of()

    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

    assert not takes_shared_passes(Mine(), module)
    assert not takes_shared_passes(nn.DataParallel(module), module)
    assert not takes_shared_passes(module, module)
