"""Peak memory of a training step, each variant in a process of its own.

The baseline is the process's resident set once the model, the optimizer and the data exist and a small
convolution and product have made the libraries allocate their own. Then the kernel's high-water mark is
reset, two steps run, and the mark is read: peak minus baseline is what the step itself needs, gradients and
momentum included. glibc is told to hand every freed block above 64 KiB back, so that the mark follows the
tensors that are alive. Only Linux tells us all this; elsewhere the column stays empty. On a GPU PyTorch's own allocator
is asked for the same.
"""

import ctypes
import gc
import multiprocessing
import os
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

from benchmarks.tasks import Task
from benchmarks.variants import VARIANTS, Step

STEPS = 2
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measurable() -> bool:
    """Whether this machine can say how large a process has been."""
    return sys.platform == "linux" and os.access(CLEAR, os.W_OK)


def read_status(field: str) -> int:
    """A field of /proc/self/status, such as VmRSS or VmHWM, in bytes."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"{STATUS} has no field {field}")


def settle() -> None:
    """Give back what nobody uses, so that the resident set is what is alive."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def peak_bytes(variant: str, task: Task, threads: int) -> int:
    """Peak resident set of two steps over the baseline, in bytes, measured in this very process."""
    torch.set_num_threads(threads)
    step = VARIANTS[variant](task)
    x = torch.randn(8, 8, 16, 16, requires_grad=True)
    torch.autograd.backward(F.conv2d(x, torch.randn(8, 8, 3, 3)).matmul(torch.randn(14, 14)).sum())
    del x
    settle()
    if task.device.startswith("cuda"):
        return _peak_on_a_gpu(step, task.device)
    baseline = read_status("VmRSS")
    CLEAR.write_text("5")
    for _ in range(STEPS):
        step()
    return read_status("VmHWM") - baseline


def _peak_on_a_gpu(step: Step, device: str) -> int:
    baseline = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    for _ in range(STEPS):
        step()
    return torch.cuda.max_memory_allocated(device) - baseline


def _answer(task: Task, variant: str, threads: int, answer: "multiprocessing.SimpleQueue[int]") -> None:
    answer.put(peak_bytes(variant, task, threads))


def measure(task: Task, variant: str, threads: int) -> int | None:
    """`peak_bytes` in a fresh process; None where it cannot be measured or the variant fails."""
    if not measurable():
        return None
    os.environ["MALLOC_MMAP_THRESHOLD_"] = os.environ["MALLOC_TRIM_THRESHOLD_"] = str(64 * 1024)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.memory"])
    answer = context.SimpleQueue()
    process = context.Process(target=_answer, args=(task, variant, threads, answer))
    process.start()
    process.join()
    return None if process.exitcode else answer.get()
