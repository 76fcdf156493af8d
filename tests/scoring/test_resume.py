"""Scoring that was stopped goes on shard by shard, ends with the same bytes, and goes on with nothing else."""

import os
import random
import signal

import pyarrow.parquet as pq
import pytest
import torch

import tiny_language_models as tiny
from reweigh.errors import BadInput
from reweigh.scoring import score
from reweigh.scoring.parts import parts_of
from reweigh.scoring.worker import Worker
from run.conftest import CONTEXT


@pytest.fixture
def files(tmp_path):
    return tiny.data_and_target(tmp_path, 3, tiny.texts, least=6)


def begin(files, model, **more):
    named = {"model": model, "target": files / "clean.jsonl", "output": files / "scores.parquet", **more}
    return score(files / "data", **named)


def stop_after(patch, shards):
    """ctrl-C in the middle of the shard that follows."""
    done, own = [], Worker._columns

    def columns(self, shard, window, start):
        done.append(shard.name)
        if len(done) > shards:
            raise KeyboardInterrupt
        return own(self, shard, window, start)

    patch.setattr(Worker, "_columns", columns)


def stopped(files, model, shards=1, **more):
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, shards)
        with pytest.raises(KeyboardInterrupt):
            begin(files, model, **more)


def test_shards_that_are_done_stay_and_the_bytes_are_the_same(files, gpt2):
    whole = begin(files, gpt2, output=files / "whole.parquet").path.read_bytes()
    stopped(files, gpt2)
    parts = parts_of(files / "scores.parquet")
    assert [path.name for path in sorted(parts.glob("*.parquet"))] == ["part-00002.parquet"]  # the largest first
    assert not (files / "scores.parquet").exists()
    done = begin(files, gpt2, resume=True)
    assert (done.rows, done.done) == (21, 13)
    assert "21 rows scored by alignment and representation, 8 of them before" in done.sentence()
    assert (files / "scores.parquet").read_bytes() == whole
    assert not parts.exists()


def test_what_was_begun_is_not_begun_again_by_mistake(files, gpt2):
    stopped(files, gpt2)
    with pytest.raises(BadInput, match="was begun and is not complete: go on with --resume"):
        begin(files, gpt2)
    assert begin(files, gpt2, overwrite=True).done == 21
    with pytest.raises(BadInput, match="exists: replace it with --overwrite"):
        begin(files, gpt2)
    with pytest.raises(BadInput, match="contradict each other"):
        begin(files, gpt2, overwrite=True, resume=True)


def test_complete_scores_are_left_as_they_are_by_a_resume(files, gpt2, llama):
    begin(files, gpt2)
    before = (files / "scores.parquet").stat().st_mtime_ns
    assert begin(files, gpt2, resume=True).done == 0
    assert (files / "scores.parquet").stat().st_mtime_ns == before
    with pytest.raises(BadInput, match="another model"):
        begin(files, llama, resume=True)


def test_a_resume_with_anything_else_is_refused_in_a_sentence(files, gpt2, tmp_path_factory):
    stopped(files, gpt2)
    other = tiny.model(tmp_path_factory.mktemp("other") / "gpt2", seed=5)
    with pytest.raises(BadInput, match=rf"another model \({gpt2}, now {other}\): go on with that one"):
        begin(files, other, resume=True)
    with pytest.raises(BadInput, match=r"another setting \(by both, now alignment\)"):
        begin(files, gpt2, by="alignment", resume=True)
    tiny.json_lines(files / "others.jsonl", tiny.texts(4, seed=8))
    with pytest.raises(BadInput, match="another target set"):
        begin(files, gpt2, target=files / "others.jsonl", resume=True)
    tiny.json_lines(files / "data" / "0.jsonl", tiny.texts(6, seed=7))
    with pytest.raises(BadInput, match=r"another content of the data \('0.jsonl'\)"):
        begin(files, gpt2, resume=True)
    assert parts_of(files / "scores.parquet").exists()


def test_a_model_that_was_moved_is_the_same(files, gpt2, tmp_path_factory):
    copy = tmp_path_factory.mktemp("moved") / "m"
    tiny.model(copy)
    stopped(files, gpt2)
    assert begin(files, f"hf:{copy}", resume=True).done == 13


def test_what_was_there_stays_until_the_new_scores_are_complete(files, gpt2):
    old = begin(files, gpt2).path.read_bytes()
    stopped(files, gpt2, overwrite=True, by="representation")
    assert (files / "scores.parquet").read_bytes() == old
    begin(files, gpt2, by="representation", resume=True)
    assert "alignment" not in pq.read_schema(files / "scores.parquet").names


def go_on(data, model, target, output):
    torch.set_num_threads(1)
    score(data, model=model, target=target, output=output, resume=True)


@pytest.mark.slow
def test_killed_at_random_moments(files, gpt2):
    """The process is killed from without, again and again, until one is faster; every time the bytes come out the same."""
    draw, killed, output = random.Random(0), 0, files / "killed.parquet"
    torch.set_num_threads(1)
    whole = begin(files, gpt2, output=files / "whole.parquet").path.read_bytes()
    for _ in range(10):
        longest = 0.5
        while True:
            process = CONTEXT.Process(target=go_on, args=(files / "data", gpt2, files / "clean.jsonl", output))
            process.start()
            process.join(draw.uniform(0, longest))
            if process.exitcode is not None:
                break
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            killed, longest = killed + 1, longest * 1.3
        assert process.exitcode == 0
        assert output.read_bytes() == whole
        assert not parts_of(output).exists()
        output.unlink()
    assert killed > 10
