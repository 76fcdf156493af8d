"""Where pairs lie: one file, two by their languages, two by their names; found again when they have moved."""

from pathlib import Path

import pytest

from reweigh.data.own.pair_places import files_at, is_there, moved
from reweigh.errors import BadInput

SIDES = ("de", "en")


@pytest.fixture
def folder(tmp_path):
    for name in ("a.de", "a.en", "b.de.gz", "b.en.gz", "c.de", "both,one.tsv", "l.txt", "r.txt"):
        (tmp_path / name).write_text("x\n")
    return tmp_path


def test_one_thing_is_itself(folder):
    assert files_at(folder / "l.txt", SIDES) == [folder / "l.txt"]
    assert files_at(folder / "both,one.tsv", SIDES) == [folder / "both,one.tsv"]  # its name has a comma
    assert files_at(folder, SIDES) == [folder]


def test_languages_behind_a_name(folder):
    assert files_at(folder / "a", SIDES) == [folder / "a.de", folder / "a.en"]
    assert files_at(f"{folder}/b", SIDES) == [folder / "b.de.gz", folder / "b.en.gz"]


def test_two_names(folder):
    assert files_at(f"{folder}/l.txt, {folder}/r.txt", SIDES) == [folder / "l.txt", folder / "r.txt"]
    with pytest.raises(BadInput, match=r"there is no file or folder .*s\.txt"):
        files_at(f"{folder}/l.txt,{folder}/s.txt", SIDES)


def test_half_a_pair_and_nothing(folder):
    with pytest.raises(BadInput, match=r"there is .*c\.de but no .*c\.en: give both sides"):
        files_at(folder / "c", SIDES)
    with pytest.raises(BadInput, match="there is no file or folder"):
        files_at(folder / "d", SIDES)


def test_without_sides_nothing_is_guessed(folder):
    with pytest.raises(BadInput, match="there is no file or folder"):
        files_at(folder / "a")
    assert not is_there(folder / "a")
    assert is_there(folder / "a", SIDES)
    assert not is_there(folder / "d", SIDES)


def test_both_names_move_together(folder, monkeypatch):
    assert moved("x.de,x.en", lambda part: Path("/new") / part) == "/new/x.de,/new/x.en"
    monkeypatch.chdir(folder)
    assert moved("both,one.tsv", lambda part: Path("/new") / part) == "/new/both,one.tsv"
