"""Freed memory is kept where the C library can be told so, and nothing is said where it cannot."""

import ctypes
import gc
import platform
import subprocess
import sys

import pytest

from reweigh.allocator import keep_freed_memory, older_objects_left_alone

FAULTS = """
import resource, sys
import torch
from reweigh.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
for round in range(12):
    if round == 2:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [torch.ones(2**20) for _ in range(8)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how):
    said = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(said.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc is asked")
def test_freed_memory_is_not_mapped_anew():
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library")
    # 32 MiB are freed each round: 8,192 pages of 4 KiB, ten rounds. Left alone, glibc may keep them too, now and then.
    assert faults("kept") < 2_000
    assert any(faults("given back") > 2_000 for _ in range(5))


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory() is False


def test_another_c_library(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert keep_freed_memory() is False


@pytest.fixture
def _nothing_set_aside():
    """As it is outside of these tests, which set aside what was imported."""
    gc.unfreeze()
    yield
    gc.collect()
    gc.freeze()


class Loop:
    """An object that only the collector can let go of."""

    def __init__(self, gone):
        self.gone, self.own = gone, self

    def __del__(self):
        self.gone.append(1)


@pytest.mark.slow
@pytest.mark.usefixtures("_nothing_set_aside")
def test_new_objects_are_collected_and_older_ones_when_it_is_over():
    gone = []
    gc.collect()
    Loop(gone)
    with older_objects_left_alone():
        assert gc.get_freeze_count() > 1000
        gc.collect()
        assert not gone
        Loop(gone)
        gc.collect()
        assert len(gone) == 1
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert len(gone) == 2


@pytest.mark.usefixtures("_nothing_set_aside")
def test_what_somebody_else_has_set_aside_stays_there():
    gc.freeze()
    try:
        with older_objects_left_alone():
            pass
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
