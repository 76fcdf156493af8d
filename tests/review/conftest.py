"""Small finished runs of each kind, trained once."""

import warnings
from pathlib import Path

import pytest

from own_files import command
from reweigh.audit import audit_run
from reweigh.cli.guard import run

STEPS = {"text": "30", "images": "60"}  # these take longest


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
