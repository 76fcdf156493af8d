"""Kills of processes: what differs is named, a kill that comes too late is none, and one that comes in time does no harm."""

import os
import random
import subprocess
import sys

import pytest
from benchmarks.torture import kills


def made(folder, **changed):
    (folder / "ledger").mkdir(parents=True)
    for name in (*kills.SAME, "ledger/epoch-1.parquet"):
        (folder / name).write_text(changed.get(name.split(".")[0], name))
    return folder


def test_what_differs_or_is_missing_is_named(tmp_path):
    whole, same = made(tmp_path / "whole"), made(tmp_path / "same")
    assert kills.differing(same, whole) == ""
    other = made(tmp_path / "other", weights="else")
    (other / "ledger" / "epoch-1.parquet").unlink()
    assert kills.differing(other, whole) == "ledger/epoch-1.parquet is missing; weights.parquet differs"


def test_only_processes_of_the_run_are_found():
    sleeps = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)  # reweigh"])
    other = subprocess.Popen(["sleep", "30"])
    try:
        found = kills.workers(os.getpid())  # and what other tests have started
        assert sleeps.pid in found
        assert other.pid not in found
        assert kills.workers(-1) == []
    finally:
        for process in (sleeps, other):
            process.kill()
            process.wait()


@pytest.mark.parametrize(("ends", "found"), [("0", None), ("3", None)])
def test_a_kill_that_comes_too_late_is_none(tmp_path, monkeypatch, ends, found):
    def ended(folder, options):
        return subprocess.Popen([sys.executable, "-c", f"raise SystemExit({ends})"])

    monkeypatch.setattr(kills, "begun", ended)
    assert kills.disturbed(tmp_path, (), 5.0, random.Random(0)) is found


@pytest.mark.slow
def test_killed_runs_end_with_the_same_bits():
    found = kills.run(0, 2)
    assert found == {"tried": 2, "kept": 2, "lost": []}
