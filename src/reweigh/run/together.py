"""The processes that torchrun has started: one group from the first word to the last, and one voice if it fails.

Where one of them fails the others find out in their next message to it, and fail as well: first it says in the common store
that it does, so that its own error is the one that is said. Who waits for the first process asks the store again and again,
since a wait inside a message hears neither a signal nor of a failure.
"""

import datetime
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from reweigh.distributed import is_elsewhere, rank, world_size
from reweigh.errors import BadInput, ReweighError
from reweigh.last_words import INTERRUPTED
from reweigh.run.meeting import of_this_start

_LONG = datetime.timedelta(days=30)
"""Processes wait for each other however long a trial or a download takes: that one is gone is seen in other ways."""
_FAILED, _DONE = "reweigh/failed", "reweigh/done"
_OF_THE_GROUP = ("gloo", "nccl", "connection closed", "connection reset", "broken pipe", "store", "socket")
_PAUSE, _PATIENCE = 0.05, 5.0  # seconds
_UNUSED = "finished reduction in the prior iteration"  # what DistributedDataParallel says of them
_store: Any = None
_waits = 0


class Elsewhere(ReweighError):
    """Another process of the run has failed, and says why; this one follows without a word."""

    def __init__(self, message: str = "another process has failed, and says why") -> None:
        super().__init__(message)


def started() -> int:
    """How many processes were started together, as torchrun says it."""
    return max(world_size(), _told_by_torchrun("WORLD_SIZE", 1))


def restarted() -> bool:
    """Whether torchrun has started these processes again, after one of them had failed."""
    return os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") not in ("", "0")


def local_rank() -> int:
    """Which process of this machine it is, from 0."""
    return _told_by_torchrun("LOCAL_RANK", rank())


def _told_by_torchrun(name: str, else_: int) -> int:
    told = os.environ.get(name, "")
    return int(told) if told.isdecimal() else else_


@contextmanager
def together() -> Iterator[bool]:
    """Within the block the processes that were started together are one group; a process alone is none.

    Yields whether this is the main process, which writes and speaks.

    Raises:
        BadInput: if nobody says where they meet, or they have met already.
        Elsewhere: if another process has failed, and says why.
        ReweighError: if one has ended without a word.
    """
    global _store
    if started() == 1 or _store is not None:
        yield rank() == 0
        return
    _store = _joined()
    before = {number: signal.signal(number, _leave) for number in _signals()}
    try:
        yield rank() == 0
        _wait_for_all()
        dist.destroy_process_group()
    except Exception as error:  # the group stays as it is: taking it down may wait for whoever is gone
        told = _told(error)
        if told is error:
            raise
        raise told from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _store = None


def _joined() -> Any:
    if dist.is_initialized():
        raise BadInput(
            "these processes are a group already (torch.distributed.init_process_group), and a run makes one of its own: "
            "start it before"
        )
    try:
        store, number, count = next(rendezvous("env://", timeout=_LONG))
    except (ValueError, RuntimeError, StopIteration) as lost:
        raise BadInput(
            f"this is one of {started()} processes, and nobody says where they meet: start them by "
            "`torchrun --nproc-per-node 2 -m reweigh train ...`"
        ) from lost
    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank() % torch.cuda.device_count())
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    try:
        store = of_this_start(store, number, count)
        dist.init_process_group(backend, store=store, rank=number, world_size=count, timeout=_LONG)
    except RuntimeError as lost:  # which says it with addresses and a stack of C++
        raise ReweighError(
            f"the {count} processes have not met ({str(lost).splitlines()[0][:120]}): another one has ended before, and "
            "says why, or the network lets no messages through between them"
        ) from lost
    return store


def _signals() -> tuple[int, ...]:
    """What ends a process that is not the first one, without a word; torchrun passes ctrl-C on in one of these ways."""
    return (signal.SIGTERM,) if rank() == 0 else (signal.SIGTERM, signal.SIGINT)


def _leave(number: int, frame: FrameType | None) -> None:
    """The first process does on SIGTERM what it does on ctrl-C; the others have nothing to save, and leave."""
    if rank() == 0:
        signal.raise_signal(signal.SIGINT)
    else:
        os._exit(INTERRUPTED)


def _told(error: Exception) -> Exception:
    """The error where this process was the first to fail, else that another one has said what is wrong."""
    copied = _is_copy(error)
    if copied:  # the rank that has the original says it
        _some_one(_PATIENCE)
    try:
        first = _store.add(_FAILED, 1) == 1
    except Exception:  # whoever kept the store is gone, and this process only follows
        first = False
    if not first:
        return Elsewhere()
    if _UNUSED in str(error):
        return BadInput(
            "the model has parameters on which its losses do not depend, and several processes would wait for their "
            "gradients: freeze them (requires_grad_(False)), or train by one process"
        )
    if not copied and isinstance(error, RuntimeError) and _is_of_the_group(error):
        return ReweighError(
            "another process of this run has ended without a word, mostly for want of memory: what was saved is complete, "
            "go on with --resume"
        )
    return error


def _is_copy(error: BaseException | None) -> bool:
    while error is not None:
        if is_elsewhere(error):
            return True
        error = error.__cause__
    return False


def _is_of_the_group(error: RuntimeError) -> bool:
    return not isinstance(error, ReweighError) and any(word in str(error).lower() for word in _OF_THE_GROUP)


def has_failed() -> bool:
    """Whether a process has said that it fails, or can no longer be asked."""
    try:
        return _store is not None and bool(_store.check([_FAILED]))
    except Exception:
        return True


def _some_one(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not has_failed():
        time.sleep(_PAUSE)


def say_done() -> None:
    """The first process has done what the others `wait_for`."""
    _count()
    if _store is not None:
        _store.set(f"{_DONE}/{_waits}", "")


def wait_for_first() -> None:
    """Until the first process says that it is done, however long that takes.

    Raises:
        Elsewhere: if a process fails meanwhile.
    """
    _count()
    while _store is not None and not _there(f"{_DONE}/{_waits}"):
        if has_failed():
            raise Elsewhere()
        time.sleep(_PAUSE)


def _count() -> None:
    global _waits
    _waits += 1


def _there(key: str) -> bool:
    try:
        return bool(_store.check([key]))
    except Exception as gone:
        raise Elsewhere("the process that keeps the store has ended") from gone


def _wait_for_all() -> None:
    """The group ends when the first process is done."""
    if rank() == 0:
        say_done()
    else:
        wait_for_first()
    dist.barrier()
