from pathlib import Path

import pytest

from benchmarks import torches


def test_the_versions_are_those_that_the_project_names():
    root = torches.ROOT
    found = torches.versions((root / "pyproject.toml").read_text(), (root / "constraints.txt").read_text())
    assert list(found) == ["oldest", "pinned", "newest"]
    assert found["oldest"] == "torch==2.6.*"
    assert found["pinned"].startswith("torch==2.")


def test_a_claim_without_a_lower_bound_is_no_claim():
    with pytest.raises(SystemExit, match="must say torch>=X"):
        torches.versions('[project]\ndependencies = ["torch"]', "torch==2.13.0")


def test_every_part_of_the_core_is_there():
    assert all((Path(torches.ROOT) / part).exists() for part in torches.CORE)
