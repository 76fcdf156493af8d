"""`reweigh score` and `reweigh select` as they are typed."""

import json
import shlex

import pyarrow.parquet as pq
import pytest

import tiny_language_models as tiny
from reweigh.cli.guard import run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    tiny.json_lines(tmp_path / "data" / "a.jsonl", tiny.texts(12))
    tiny.json_lines(tmp_path / "data" / "b.jsonl", tiny.texts(8, seed=1))
    tiny.json_lines(tmp_path / "target.jsonl", tiny.texts(3, seed=2))
    return tmp_path


def test_scored_chosen_and_weighed(here, gpt2, capsys):
    assert run(["score", "data", "--model", gpt2, "--target", "target.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "20 rows scored by alignment and representation: scores.parquet" in said
    following = next(line for line in said.splitlines() if line.startswith("Next: "))
    assert run(shlex.split(following)[2:]) == 0
    assert capsys.readouterr().out.strip() == "6 of 20 rows kept, by alignment: kept"
    lines = [line for path in (here / "kept").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == 6
    assert run(["select", "scores.parquet", "--weights", "--format", "ms-swift", "--output", "w", "-q"]) == 0
    assert capsys.readouterr().out.strip() == "w"
    assert len((here / "w" / "weighed.jsonl").read_text().splitlines()) == 20


def test_said_as_json(here, gpt2, capsys):
    arguments = ["data/*.jsonl", "--model", gpt2, "--target", "target.jsonl", "--by", "representation", "--json"]
    assert run(["score", *arguments, "--output", "s.parquet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["done"], said["scores"]) == (20, 20, ["representation"])
    assert run(["select", "s.parquet", "--keep", "25%", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["kept"], said["rows"], said["by"]) == (5, 20, "representation")
    assert pq.read_schema("s.parquet").names[-1] == "representation"


MISTAKES = {
    "no file that ends in": ["score", "nothing", "--model", "hf:x", "--target", "target.jsonl"],
    "cannot be had as a causal language model": ["score", "data", "--model", "hf:/none", "--target", "target.jsonl"],
    "give hf: with a folder": ["score", "data", "--model", "gpt2", "--target", "target.jsonl"],
    "is no file of scores": ["select", "other.parquet", "--keep", "0.3"],
    "give --keep": ["select", "other.parquet"],
    "requires an argument": ["score", "data", "--model", "hf:x"],
}


@pytest.mark.parametrize("sentence", MISTAKES)
def test_a_mistake_is_one_sentence(sentence, here, gpt2, capsys):
    tiny.parquet(here / "other.parquet", tiny.texts(2))
    arguments = [gpt2 if one == "hf:x" else one for one in MISTAKES[sentence]]
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert len(said.err.splitlines()) == 1
    assert not (here / "scores.parquet").exists()


def test_help_fits_the_terminal(capsys):
    for command in ("score", "select"):
        assert run([command, "--help"]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
