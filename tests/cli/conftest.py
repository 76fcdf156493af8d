"""A run of one's own data as a user starts it, recorded on a terminal once for all tests of the command line."""

from pathlib import Path
from typing import NamedTuple

import pytest

from own_files import bare
from terminal import Drawn, recorded


class Recorded(NamedTuple):
    """What was drawn, the exit code, and the folder in which it ran: `data` and the run `mine` are there."""

    drawn: Drawn
    code: int
    folder: Path


@pytest.fixture(scope="session")
def recorded_run(tmp_path_factory):
    """All of it as it is usual, but for the number of steps."""
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return Recorded(*recorded(bare("table", folder / "data", "mine", "--steps", "20")), folder)
