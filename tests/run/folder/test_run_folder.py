import math
import os

import pytest

from reweigh.errors import BadInput, ReweighError
from reweigh.run.folder.run_folder import RunFolder, read_lines, without_nan, write_bytes, write_json, write_lines


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_bytes(path, b"old")

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ReweighError, match="input/output error"):
        write_bytes(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_json_has_null_for_what_has_no_value(tmp_path):
    assert without_nan({"a": [math.nan, 1.5], "b": {"c": -math.inf}}) == {"a": [None, 1.5], "b": {"c": None}}
    write_json(tmp_path / "x.json", {"a": math.nan})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": null\n}\n'


def test_lines_are_read_as_far_as_asked(tmp_path):
    path = tmp_path / "lines"
    write_lines(path, [{"n": 1}, {"n": 2}, {"n": 3}])
    assert read_lines(path, 2) == [{"n": 1}, {"n": 2}]
    assert read_lines(tmp_path / "none", 0) == []
    with pytest.raises(BadInput, match="3 lines but the checkpoint is at epoch 4"):
        read_lines(path, 4)


def test_the_lock_keeps_others_out_and_is_let_go(tmp_path):
    folder = RunFolder(tmp_path / "deep" / "run")
    with folder.locked(), pytest.raises(BadInput, match="another process"), RunFolder(folder.path).locked():
        pass
    with folder.locked():
        pass


def test_clear_takes_the_runs_own_files_and_leftovers_only(tmp_path):
    folder = RunFolder(tmp_path)
    (tmp_path / "ledger").mkdir()
    for name in (
        "config.json", "checkpoint.pt", ".checkpoint.pt.part", "notes.txt",
        "ledger/epoch-00001.parquet", "ledger/.epoch-00002.parquet.part",
    ):  # fmt: skip
        (tmp_path / name).write_text("")
    assert folder.present == ["config.json", "checkpoint.pt"]
    folder.clear()
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]
    folder.check_free(overwrite=False)
