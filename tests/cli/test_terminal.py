"""The default run on a terminal of 80 columns, recorded: a line while it works, and an end that fits a screen."""

import pytest

from own_files import bare
from reweigh.run.finished import open_run
from reweigh.verdict import read_verdict
from terminal import recorded


def test_at_most_25_lines_of_80_columns(recorded_run):
    found = recorded_run.drawn
    assert recorded_run.code == 0
    assert len(found.lines) <= 25
    assert found.most <= 25
    assert found.widest <= 80
    assert not found.hidden


def test_all_that_takes_long_was_in_the_line(recorded_run):
    found = recorded_run.drawn
    for words in (
        "reading noisy.csv",
        "choosing a rule 1/",
        "judging labels 6/6",
        "epoch ",
        "comparing with other ways: ",
    ):
        assert any(line.startswith(words) for line in found.seen), words


def test_the_end_is_a_table_of_three_rows_the_verdict_and_what_to_type(recorded_run):
    found, run = recorded_run.drawn, open_run(recorded_run.folder / "mine")
    verdict = read_verdict(run)
    head = next(place for place, line in enumerate(found.lines) if line.startswith("model "))
    rows = [line.split("  ")[0] for line in found.lines[head + 1 : head + 4]]
    assert rows == [f"this model ({run.config.weights.rule})", *(rival.words for rival in verdict.shown)]
    after = " ".join(found.lines[head + 4 :])
    assert after.startswith(f"Verdict: {verdict.sentence}.")
    told = [line.split("  ")[1] for line in found.lines if line.startswith("  reweigh ")]
    assert told == [f"reweigh {command} mine" for command in ("review", "audit", "report")]
    assert found.lines[-1].startswith("  reweigh report mine")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("table", ()),
        ("regression", ()),
        ("multi-label", ()),
        ("text", ()),
        ("images", ()),
        ("arrays", ()),
        ("table", ("--rule", "l2rw", "--epochs", "400")),
    ],
)
def test_so_it_is_of_every_kind_of_data_and_of_long_runs(tmp_path, monkeypatch, kind, more):
    monkeypatch.chdir(tmp_path)
    found, code = recorded(bare(kind, tmp_path / "data", "mine", *more))
    assert code == 0
    assert len(found.lines) <= 25
    assert found.most <= 25
    assert found.widest <= 80
