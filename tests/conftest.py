"""Shared set-up: tests import the zoo, the laws and the reference by name, and leave no process group behind."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

# Sums in one order, so that "bit for bit" can be asked for; the models here are too small to gain from threads.
torch.set_num_threads(1)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(autouse=True)
def _seeded_and_alone() -> Iterator[None]:
    """Every test starts from the same RNG state and takes down what process group a case needed."""
    torch.manual_seed(0)
    yield
    if torch.distributed.is_available() and torch.distributed.is_initialized():
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
