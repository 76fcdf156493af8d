"""One finished run, trained once; tests that damage it take a copy."""

import shutil

import pytest

from reweigh.audit import audit_run
from reweigh.cli.guard import run


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    options = ["--dataset", "digits", "--noise", "background:0.4", "--steps", "180", "--lr", "0.05"]
    assert run(["train", *options, "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def audited(finished):
    return audit_run(finished)


@pytest.fixture
def damaged(finished, tmp_path):
    """A copy of the run, to be damaged."""
    return shutil.copytree(finished, tmp_path / "damaged")
