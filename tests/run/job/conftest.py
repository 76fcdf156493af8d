"""Data that several of these tests read."""

import pytest

from made_up_pairs import three_files


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    three_files(folder, 60)
    return folder
