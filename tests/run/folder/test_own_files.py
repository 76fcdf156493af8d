"""The files of own data: known again, found again, and missed when they change."""

import os

import pytest

from reweigh.errors import BadInput
from reweigh.run.folder.own_files import check_unchanged, fingerprints, located
from reweigh.settings import Settings


@pytest.fixture
def config(tmp_path):
    (tmp_path / "noisy.csv").write_text("a,b\n1,2\n")
    (tmp_path / "clean" / "cat").mkdir(parents=True)
    (tmp_path / "clean" / "cat" / "1.png").write_bytes(b"1")
    return Settings.of(train=str(tmp_path / "noisy.csv"), clean=str(tmp_path / "clean"))


def test_the_same_files_are_known_again(config):
    stored = fingerprints(config)
    assert set(stored) == {"train", "clean"}
    check_unchanged(config, stored)


@pytest.mark.parametrize("change", ["content", "new file", "other name", "no record"])
def test_a_change_is_one_sentence(config, tmp_path, change):
    stored = fingerprints(config)
    if change == "content":
        (tmp_path / "noisy.csv").write_text("a,b\n1,3\n")
    if change == "new file":
        (tmp_path / "clean" / "cat" / "2.png").write_bytes(b"1")
    if change == "other name":
        (tmp_path / "clean" / "cat" / "1.png").rename(tmp_path / "clean" / "cat" / "3.png")
    with pytest.raises(BadInput, match="is not what it was when the run began: put the old one back"):
        check_unchanged(config, {} if change == "no record" else stored)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", "nothing.csv"):
        with pytest.raises(BadInput):
            fingerprints(Settings.of(train=str(tmp_path / name)))


def test_files_are_found_from_elsewhere(config, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    given = Settings.of(train="noisy.csv", clean="clean")
    stored = fingerprints(given)
    assert located(given, stored, None) == given
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert located(given, stored, None).data.train == str(tmp_path / "noisy.csv")
    (tmp_path / "moved").mkdir()
    (tmp_path / "noisy.csv").rename(tmp_path / "moved" / "noisy.csv")
    assert located(given, stored, str(tmp_path / "moved")).data.train == str(tmp_path / "moved" / "noisy.csv")
    assert located(Settings.of(dataset="digits"), {}, "/data") == Settings.of(dataset="digits")
