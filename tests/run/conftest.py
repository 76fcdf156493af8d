"""Runs in processes of their own, so that they can be killed."""

import multiprocessing
import os
import signal

import pytest

from reweigh.run.watcher import Silent as Nobody

# A fork server that has everything loaded starts a fresh process in milliseconds instead of seconds.
LOADED = (
    "reweigh.run.start", "torch._dynamo", "torch._decomp.decompositions_for_jvp", "sklearn.datasets",
    "pyarrow.parquet", "matplotlib.figure", "matplotlib.backends.backend_agg", "safetensors.torch", "filelock",
)  # fmt: skip
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(list(LOADED))


def carry_on(settings, folder, kill_at_replace=None):
    """Start the run in `folder`, or resume it; optionally die by SIGKILL at the so-manieth renaming of a file."""
    from reweigh.run.start import resume, start
    from reweigh.settings import Settings

    if kill_at_replace is not None:
        real, left = os.replace, [kill_at_replace]

        def replace(*paths):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            real(*paths)

        os.replace = replace
    if (folder / "config.json").exists():
        resume(folder, {"model": settings["model"]} if "model" in settings else {}, Nobody())
    else:
        start(Settings.of(**settings), folder, Nobody())


@pytest.fixture(scope="session")
def in_process():
    """Runs `carry_on` in a process of its own; returns the process, started."""

    def run(*arguments):
        process = CONTEXT.Process(target=carry_on, args=arguments)
        process.start()
        return process

    return run
