"""A function on two ranks, or more: processes of their own in one group, which nobody waits for longer than need be."""

import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import distributed

SECONDS = 240.0


def on_two_ranks(run: Callable[..., Any], *args: Any) -> list[Any]:
    """What `run(rank, *args)` returns on each of two ranks; `run` is a function of a module. Nobody hangs for ever."""
    return on_ranks(2, run, *args)


def on_ranks(size: int, run: Callable[..., Any], *args: Any) -> list[Any]:
    """The same on so many."""
    with tempfile.TemporaryDirectory() as folder:  # where they meet, and leave what they have found
        context = torch.multiprocessing.spawn(_on_rank, (size, run, folder, *args), nprocs=size, join=False)
        end = time.monotonic() + SECONDS
        while not context.join(timeout=5):
            if time.monotonic() > end:
                for process in context.processes:
                    process.kill()
                pytest.fail(f"the ranks have been running for {SECONDS:.0f} seconds")
        return [torch.load(f"{folder}/{rank}.pt", weights_only=False) for rank in range(size)]


def _on_rank(rank: int, size: int, run: Callable[..., Any], folder: str, *args: Any) -> None:
    """The process ends before its group does.

    PyTorch joins gloo's thread with the interpreter's lock held, and that thread may want the lock to let go of a tensor:
    one in some thousands of groups that DDP has used hangs for ever when it is taken down.
    """
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", size)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=size)
    torch.save(run(rank, *args), f"{folder}/{rank}.pt")
    os._exit(0)
