"""Names in the common store for one start of the processes alone.

torchrun keeps one store for all its starts, and a process that is started again would take the addresses that a killed one
has left there for those of its mates, and wait for them without end (torch 2.13 with a static rendezvous; earlier versions
told starts apart by TORCHELASTIC_RESTART_COUNT, of which each machine's agent has its own). A group that the same processes
leave and make again reads old names as well. So the first process draws a name, and the others take it where it has seen
theirs.
"""

import time
from typing import Any
from uuid import uuid4

import torch.distributed as dist

_HERE, _OURS = "reweigh/here", "reweigh/ours"
_PAUSE = 0.02  # seconds


def of_this_start(store: Any, number: int, count: int) -> Any:
    """The store under a name that the `count` processes of this start, of which this one is `number`, have and no others.

    It returns when all are there, and asks again and again until then: whoever ends the process is heard meanwhile.
    """
    mine = uuid4().hex
    name = _met(store, mine, number) if number else _met_by_all(store, mine, count)
    return dist.PrefixStore(name, store)  # type: ignore[attr-defined]  # which torch's own typing does not hand on


def _met_by_all(store: Any, mine: str, count: int) -> str:
    """The first process says whom it sees, of this start and of others, until everybody of this start has answered."""
    said: list[str] | None = None
    while not all(store.check([f"{mine}/{other}"]) for other in range(1, count)):
        here = [f"{_HERE}/{other}" for other in range(1, count)]
        seen = [store.get(name).decode() for name in here if store.check([name])]
        if seen != said:
            store.set(_OURS, " ".join([mine, *seen]))
            said = seen
        time.sleep(_PAUSE)
    return mine


def _met(store: Any, mine: str, number: int) -> str:
    """Another process says that it is there until the first one has seen it, and takes that one's name."""
    store.set(f"{_HERE}/{number}", mine)
    while True:
        ours, *seen = store.get(_OURS).decode().split() if store.check([_OURS]) else [""]
        if mine in seen:
            store.set(f"{ours}/{number}", "")
            return ours
        time.sleep(_PAUSE)
