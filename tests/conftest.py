"""Shared set-up: tests import the zoo, the laws and the reference by name, and leave no process group behind."""

import gc
import os
import shutil
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from seldom import is_seldom

# Sums in one order, so that "bit for bit" can be asked for; the models here are too small to gain from threads.
torch.set_num_threads(1)
# Whatever holds a group last joins gloo's thread, with the interpreter's lock that the thread may still want for what DDP
# gave it: one in some thousands hangs for ever. So the last groups outlive their models, until their threads are idle.
_LAST_GROUPS: deque[Any] = deque(maxlen=8)
EVERYWHERE = {"numbers_audited", "labels_audited", "unforeseen_audited"}
OF_A_ROOM = {"recorded_run", "audited", "l2rw", "finished"}
"""Runs that take long to make, once a session: those below, and those that a folder has for itself."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of long families most are longer checks. Tests that share a run go to one process, as do those of one file."""
    for item in filter(is_seldom, items):
        item.add_marker(pytest.mark.slow)
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    file, used = item.nodeid.split("::")[0], set(getattr(item, "fixturenames", ()))
    if used & EVERYWHERE:
        return "audits"
    if hasattr(getattr(item, "module", None), "on_two"):
        return "sharded"  # two ranks go through all of it once
    return file.rpartition("/")[0] if used & OF_A_ROOM else file


def pytest_collection_finish() -> None:
    """What is imported stays, and need not be looked through again: the collections of `Trainer` took half of its tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _nobody_waits_for_the_disk() -> Iterator[None]:
    """What a test writes need not outlive the machine, and waiting for hundreds of small files takes as long as training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def _as_where_a_step_is_dear(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is repeated where a step costs next to nothing, and averaged, is done as often as elsewhere; not in `-m slow`."""
    with pytest.MonkeyPatch.context() as patch:
        if "not slow" in request.config.option.markexpr:
            patch.setattr("reweigh.run.halves.ROUNDS", 1)
            patch.setattr("reweigh.run.choice.choose.CHEAP_FOLDS", 2)
        yield


@pytest.fixture(autouse=True)
def _seeded_and_alone() -> Iterator[None]:
    """Every test starts from the same RNG state and takes down what process group a case needed."""
    torch.default_generator.manual_seed(0)  # `torch.manual_seed` notes a stack for each kind of device: 5 ms
    yield
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        _LAST_GROUPS.append(torch.distributed.group.WORLD)
        torch.distributed.destroy_process_group()


@pytest.fixture(scope="session")
def numbers_audited(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The audit of a run on numbers of which a fifth is exchanged, and which are wrong (`wrong_tables.of_numbers`)."""
    return _audited("of_numbers", tmp_path_factory.mktemp("numbers"))


@pytest.fixture(scope="session")
def labels_audited(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The same of several labels an example, a tenth of each flipped."""
    return _audited("of_labels", tmp_path_factory.mktemp("labels"))


@pytest.fixture(scope="session")
def unforeseen_audited(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The audit of a run on numbers that nobody can foretell."""
    return _audited("of_numbers", tmp_path_factory.mktemp("unforeseen"), noise=600.0)[0]


def _audited(table: str, folder: Path, **options: float) -> Any:
    import wrong_tables  # here, since the core's tests run where the extras are not
    from reweigh.audit import audit_run

    run, wrong = getattr(wrong_tables, table)(folder, **options)
    return audit_run(run), wrong


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
