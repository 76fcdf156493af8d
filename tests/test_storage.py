import os

import pytest

from reweigh.errors import BadInput, ReweighError
from reweigh.storage import home, read_plain, write_bytes


def test_a_plain_file_is_read_and_nothing_else(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert read_plain(tmp_path / "file", 3, within=tmp_path) == b"abc"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "out").symlink_to(tmp_path / "file")
    for path, said in (
        (tmp_path, "a folder where a file is expected"),
        (tmp_path / "pipe", "no plain file"),
        (tmp_path / "zero", "no plain file"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / "none", "does not exist"),
        (tmp_path / "a\x00b", "cannot be read"),
        (tmp_path / ("n" * 300), "cannot be read"),
    ):
        with pytest.raises(BadInput, match=said):
            read_plain(path)
    with pytest.raises(BadInput, match="too many for a file of its kind"):
        read_plain(tmp_path / "file", 2)
    with pytest.raises(BadInput, match="leads out of"):
        read_plain(tmp_path / "inner" / "out", within=tmp_path / "inner")


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".file.part").symlink_to(tmp_path / "mine")
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_refusal_before_the_renaming_leaves_the_old_file(tmp_path):
    write_bytes(tmp_path / "file", b"old")

    def refuse():
        raise ReweighError("no")

    with pytest.raises(ReweighError, match="no"):
        write_bytes(tmp_path / "file", b"new", before_renaming=refuse)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_home_is_meant_unless_there_is_such_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/me")
    monkeypatch.chdir(tmp_path)
    assert str(home("~/x")) == "/me/x"
    assert str(home("x/~")) == "x/~"
    assert str(home("~no-such-user/x")) == "~no-such-user/x"
    (tmp_path / "~").mkdir()
    assert str(home("~")) == "~"
