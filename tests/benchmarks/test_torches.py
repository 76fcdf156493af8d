"""Which PyTorches `make test-torches` asks for, and what it tells of each; nothing is installed here."""

import re
import sys

import pytest

from benchmarks import torches

ENVIRONMENTS = {"oldest": "torch==2.6.*", "pinned": "torch==2.13.0", "newest": "torch"}
CLAIM = '[project]\ndependencies = ["torch>=2.6", "numpy>=1.26"]'


def test_the_claim_and_the_pin_say_which():
    assert torches.versions(CLAIM, "numpy\ntorch==2.13.0\n") == ENVIRONMENTS
    ours = torches.versions(
        (torches.ROOT / "pyproject.toml").read_text(), (torches.ROOT / "constraints.txt").read_text()
    )
    assert re.fullmatch(r"torch==\d+\.\d+\.\*", ours["oldest"])
    with pytest.raises(SystemExit, match="must say torch>=X"):
        torches.versions('[project]\ndependencies = ["torch"]', "torch==2.13.0")


@pytest.mark.parametrize(("words", "asked"), [([], [*ENVIRONMENTS]), (["newest"], ["newest"])])
def test_each_runs_in_an_environment_of_its_own_and_the_worst_counts(words, asked, monkeypatch, tmp_path, capsys):
    made = []

    def environment(folder, wanted):
        made.append((folder, wanted))
        return folder.name

    monkeypatch.setattr(torches, "environment", environment)
    monkeypatch.setattr(torches, "core", lambda python: (int(python == "newest"), f"{python}: 3 passed"))
    monkeypatch.setattr(sys, "argv", ["torches", *words, "--into", str(tmp_path)])
    assert torches.main() == 1
    assert [folder for folder, _ in made] == [tmp_path / name for name in asked]
    assert capsys.readouterr().out.splitlines() == [f"{name}: 3 passed" for name in asked]


def test_here_installs_nothing(monkeypatch, capsys):
    monkeypatch.setattr(torches, "environment", None)
    monkeypatch.setattr(torches, "CORE", ("--version",))
    monkeypatch.setattr(sys, "argv", ["torches", "--here"])
    assert torches.main() == 0
    told, *_, last = capsys.readouterr().out.splitlines()
    assert told.startswith("torch 2.")
    assert last.startswith(f"{told}: pytest ")


def test_an_unknown_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["torches", "latest"])
    with pytest.raises(SystemExit):
        torches.main()
    assert "no PyTorch called latest: choose of oldest, pinned, newest" in capsys.readouterr().err


def test_what_the_core_is_lies_where_it_is_said():
    assert [place for place in torches.CORE if not (torches.ROOT / place).exists()] == []
