"""`reweigh audit` as a user meets it."""

import pytest

from reweigh.cli.guard import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli-audit") / "run"
    options = ["--dataset", "digits", "--noise", "background:0.4", "--steps", "90", "--lr", "0.05"]
    assert run(["train", *options, "--output", str(folder)]) == 0
    return folder


def refused(capsys, *arguments):
    capsys.readouterr()
    assert run(["audit", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""
    return captured.err


def test_the_table_fits_80_columns(finished, tmp_path, capsys):
    capsys.readouterr()
    assert run(["audit", str(finished), "--top", "7", "--output", str(tmp_path / "audit.csv")]) == 0
    printed = capsys.readouterr().out
    lines = printed.replace(str(tmp_path), "").splitlines()
    assert max(map(len, lines)) <= 80
    for said in (
        "likelier",
        "sure",
        "wrong, estimated",
        "wrong, known",
        "Of the 7 most distrusted, 7 are really wrong",
    ):
        assert said in printed
    assert (tmp_path / "audit.csv").read_text().count("\n") == 1343


def test_the_same_run_twice_gives_the_same_bytes(finished, tmp_path):
    for name in ("one.csv", "two.csv"):
        assert run(["audit", str(finished), "--output", str(tmp_path / name)]) == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_refusals(finished, tmp_path, capsys):
    assert "there is no run in" in refused(capsys, tmp_path / "nowhere")
    assert "ends in neither" in refused(capsys, tmp_path / "nowhere", "--output", tmp_path / "audit.txt")
    assert "--top is -1" in refused(capsys, finished, "--top", "-1")
    assert "the threshold is 7" in refused(capsys, finished, "--threshold", "7")
    (tmp_path / "mine.csv").write_text("mine")
    assert "exists" in refused(capsys, finished, "--output", tmp_path / "mine.csv")
    assert (tmp_path / "mine.csv").read_text() == "mine"


def test_a_run_in_the_making(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"settings": {"dataset": "digits"}, "versions": {}}')
    assert "is not finished: go on with `reweigh train" in refused(capsys, tmp_path)
