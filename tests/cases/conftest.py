"""A finished run on a small table, made once; each case damages a copy of it."""

import shutil
import warnings

import pytest

from own_files import command
from reweigh.cli.guard import run


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("case")
    said = command("table", folder / "data", folder / "run", "--epochs", "2", "--rule", "meta-weight-net")
    assert run(said) == 0
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of the finished run."""
    return shutil.copytree(made / "run", tmp_path / "run")


@pytest.fixture
def new(made):
    """Data that the run has not seen."""
    return made / "data" / "new.csv"


@pytest.fixture
def refused(capsys):
    """Run the command line, which must refuse in one sentence; returns the sentence."""

    def refuse(*words):
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        assert code == 2, said
        assert len(said.err.splitlines()) == 1, said.err
        assert said.err.startswith("reweigh: ")
        return said.err

    return refuse


@pytest.fixture
def quiet_transformers():
    """Without the warnings of transformers, PyTorch and Accelerate about each other."""
    transformers = pytest.importorskip("transformers")
    transformers.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="transformers|torch|accelerate")
        yield
