"""Small finished runs of each kind, trained once, and a browser where there is one."""

import os
import shutil
import warnings
from pathlib import Path

import pytest

from own_files import command
from reweigh.audit import audit_run
from reweigh.cli.guard import run

STEPS = {"text": "30", "images": "60"}  # these take longest
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a run on data of a kind of `own_files`."""
    folders: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in folders:
            folder = tmp_path_factory.mktemp(f"review-{kind}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that so few checked examples are fitted soon
                assert run(command(kind, folder / "data", folder / "run", "--steps", STEPS.get(kind, "150"))) == 0
            folders[kind] = folder / "run"
        return folders[kind]

    return of


@pytest.fixture(scope="session")
def audited(finished):
    found = {}

    def of(kind: str):
        if kind not in found:
            found[kind] = audit_run(finished(kind))
        return found[kind]

    return of


@pytest.fixture(scope="session")
def browser():
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
