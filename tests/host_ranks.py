"""Hosts that find their processes as torchrun tells them, on two spawned ranks."""

import os

from many import free_port
from two_ranks import on_two_ranks


def on_two_processes(run, *args):
    """What `run(*args)` returns on each of two ranks that a host takes for processes of torchrun."""
    return on_two_ranks(_as_torchrun, run, free_port(), *args)


def _as_torchrun(rank, run, port, *args):
    told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in told.items()})
    return run(*args)
