"""Shared set-up: tests import the zoo, the laws and the reference by name, and leave no process group behind."""

import os
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

# Sums in one order, so that "bit for bit" can be asked for; the models here are too small to gain from threads.
torch.set_num_threads(1)
# Whatever holds a group last joins gloo's thread, with the interpreter's lock that the thread may still want for what DDP
# gave it: one in some thousands hangs for ever. So the last groups outlive their models, until their threads are idle.
_LAST_GROUPS: deque[Any] = deque(maxlen=8)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(autouse=True, scope="session")
def _nobody_waits_for_the_disk() -> Iterator[None]:
    """What a test writes need not outlive the machine, and waiting for hundreds of small files takes as long as training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def _seeded_and_alone() -> Iterator[None]:
    """Every test starts from the same RNG state and takes down what process group a case needed."""
    torch.manual_seed(0)
    yield
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        _LAST_GROUPS.append(torch.distributed.group.WORLD)
        torch.distributed.destroy_process_group()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, driven by playwright; `CHROMIUM` names another than the one on the path."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install reweigh[browser]"
    )
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    with playwright.sync_playwright() as driver:
        if found is None and not Path(driver.chromium.executable_path).exists():
            pytest.skip("there is no Chromium: install the package chromium, or run `playwright install chromium`")
        chromium = driver.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()
