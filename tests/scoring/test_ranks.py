"""Scoring by several processes, as torchrun starts them: the same file as by one, and a mistake is said once."""

import os
import signal
import time

import pytest

import tiny_language_models as tiny
from many import begin, command, end
from reweigh.scoring import score
from reweigh.scoring.parts import parts_of


@pytest.fixture
def files(tmp_path):
    return tiny.data_and_target(tmp_path, 5)


def told(files, model, output="two.parquet", *more):
    named = ("--model", model, "--target", files / "clean.jsonl", "--output", files / output)
    return ["score", files / "data", *named, *more]


def by_one(files, model):
    return score(
        files / "data", model=model, target=files / "clean.jsonl", output=files / "one.parquet"
    ).path.read_bytes()


def test_two_processes_write_the_file_of_one(files, gpt2):
    whole = by_one(files, gpt2)
    codes, said = command(told(files, gpt2), files)
    assert codes == [0, 0], said
    assert (files / "two.parquet").read_bytes() == whole
    out = [(files / f"{rank}.out").read_text() for rank in range(2)]
    assert "35 rows scored" in out[0]
    assert out[1] == ""


@pytest.mark.slow
def test_three_processes_of_which_one_has_nothing_to_do(files, gpt2):
    for number in range(3):
        (files / "data" / f"{number}.jsonl").unlink()
    whole = by_one(files, gpt2)
    assert command(told(files, gpt2), files, size=3)[0] == [0, 0, 0]
    assert (files / "two.parquet").read_bytes() == whole


@pytest.mark.slow
def test_a_mistake_in_one_process_ends_both_with_its_sentence(files, gpt2):
    tiny.json_lines(files / "data" / "3.jsonl", [*tiny.pairs(8), {"id": "bad", "prompt": 3, "response": "x"}])
    codes, said = command(told(files, gpt2), files)
    assert sorted(codes) == [2, 2]
    assert sum("row bad of" in one for one in said) == 1, said
    assert sum("reweigh: " in one for one in said) == 1, said


@pytest.mark.slow
def test_a_shard_whose_process_was_killed_is_done_again(files, gpt2):
    tiny.json_lines(files / "data" / "9.jsonl", tiny.pairs(3000, seed=5))
    whole = by_one(files, gpt2)
    processes = begin(told(files, gpt2), files)
    limit = time.monotonic() + 120
    while not list(parts_of(files / "two.parquet").glob("part-*.parquet")) and time.monotonic() < limit:
        time.sleep(0.02)  # the second process has done a small one, and the first is at the large one
    os.kill(processes[0].pid, signal.SIGKILL)
    codes, _ = end(processes, files)
    assert codes[0] == -signal.SIGKILL
    assert codes[1] != 0
    assert not (files / "two.parquet").exists()
    assert command(told(files, gpt2), files)[0] == [2, 2]  # begun, and by somebody who does not say --resume
    assert command(told(files, gpt2), files, TORCHELASTIC_RESTART_COUNT=1)[0] == [0, 0]  # as torchrun starts them again
    assert (files / "two.parquet").read_bytes() == whole
