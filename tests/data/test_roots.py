from pathlib import Path

import pytest

from reweigh.data import data_root


def test_the_argument_goes_before_the_variable_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("REWEIGH_DATA", str(tmp_path / "variable"))
    assert data_root(tmp_path / "argument") == tmp_path / "argument"
    assert data_root() == tmp_path / "variable"
    monkeypatch.setenv("REWEIGH_DATA", "")
    default = data_root()
    assert default.is_absolute()
    assert "reweigh" in default.parts
    assert not default.exists()


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_root("~/sets") == tmp_path / "sets"


def test_a_file_in_place_of_the_root_is_refused(tmp_path: Path, refused):
    (tmp_path / "data").write_text("")
    with refused("is not a folder", "--data-root"):
        data_root(tmp_path / "data")
