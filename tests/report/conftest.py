"""A finished run and its plain baseline, trained once."""

import shutil

import pytest

from reweigh.audit import audit_run
from reweigh.cli.guard import run

OPTIONS = ["--dataset", "digits", "--noise", "background:0.4", "--steps", "90", "--lr", "0.05"]


@pytest.fixture(scope="session")
def l2rw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "l2rw"
    assert run(["train", *OPTIONS, "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "plain"
    assert run(["train", *OPTIONS, "--rule", "uniform", "--batch-size", "50", "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def audited(l2rw):
    return audit_run(l2rw)


@pytest.fixture(scope="session")
def several_labels(labels_audited):
    """The audit of a run on examples with several labels each."""
    return labels_audited[0]


@pytest.fixture(scope="session")
def numbers(numbers_audited):
    """The audit of a run on a target of numbers."""
    return numbers_audited[0]


@pytest.fixture
def damaged(l2rw, tmp_path):
    return shutil.copytree(l2rw, tmp_path / "damaged")
