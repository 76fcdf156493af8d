"""Memory that a training step frees, kept for the next one.

glibc hands large freed blocks back to the system at once, and the next step's tensors have to be mapped and zeroed anew,
page by page: on a CPU that can take as long as the arithmetic. PyTorch's tuning guide recommends another allocator for
this reason; where none was chosen, glibc can be told to keep what it has.

And Python's collector goes through all objects again and again while many are made: with half a million of them, of torch
and transformers, that is a third of the time in which short texts are scored.
"""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # the names of malloc.h, without M_
_KEPT = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell glibc to keep up to 2 GiB of freed memory; whether it could be told (not on other systems and C libraries).

    It holds for the whole process, whose resident memory no longer falls when tensors are freed. The command line does this.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    # No block is mapped by itself, whatever its size: a threshold for that ends at 32 MiB, and logits are larger.
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, 64 * 2**20))
    return all(mallopt(name, value) == 1 for name, value in settings)


@contextmanager
def older_objects_left_alone() -> Iterator[None]:
    """Within the block Python's collector goes through what is made there, and not through what there was before."""
    others = gc.get_freeze_count() > 0  # somebody's own, which would be undone
    if not others:
        gc.freeze()
    try:
        yield
    finally:
        if not others:
            gc.unfreeze()
