"""Two students that judge each other's half: nobody is asked of what he learnt from, and what they said is kept."""

import json
import shutil

import pytest
import torch

from reweigh.audit.halves import judged_by_halves
from reweigh.cli.guard import run
from reweigh.errors import BadInput
from reweigh.metrics import auroc
from reweigh.run import halves as halves_file
from reweigh.run.bench import Bench
from reweigh.run.finished import data_of, open_run
from reweigh.run.folder import run_folder as files
from reweigh.run.halves import ROUNDS, Half, Halves, Targets, by_turns, is_cheap, judged_by_two
from reweigh.run.job.unchecked import unchecked

ARGS = ["--dataset", "digits", "--noise", "pair:0.4", "--steps", "150", "--clean-per-class", "10", "--seed", "1"]
NONE = torch.empty(0)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A finished run whose rule weighs by labels that were judged before."""
    folder = tmp_path_factory.mktemp("halves") / "run"
    assert run(["train", *ARGS, "--rule", "judged", "--output", str(folder)]) == 0
    return folder


@pytest.fixture
def copied(judged, tmp_path):
    return shutil.copytree(judged, tmp_path / "run")


def bench_of(folder):
    found = open_run(folder)
    return Bench(found.config, data_of(found))


def test_no_student_learns_from_what_it_is_asked_or_from_checked_examples(judged):
    bench, learnt = bench_of(judged), []

    def train(data, steps):
        learnt.append(set(data.train.ids.tolist()))
        return Bench._student(bench, data, 2)

    found = judged_by_two(bench.inputs, 10, train, 0)
    checked = set(found.clean.ids.tolist())
    for rows, ids in zip((part.rows for part in found.parts), learnt, strict=True):
        asked = set(found.train.ids[rows].tolist())
        assert not asked & ids
        assert not checked & ids
        assert asked | ids == set(found.train.ids.tolist())


def test_wrong_labels_are_known_and_get_hardly_any_weight(judged):
    data = data_of(open_run(judged))
    weights = json.loads((judged / files.SUMMARY).read_text())
    assert weights["auroc"] > 0.95
    found = judged_by_halves(open_run(judged), data)
    wrong = data.truth
    assert auroc(-torch.from_numpy(found.right), wrong) > 0.95
    assert found.of_all.share == pytest.approx(1 - float(wrong[unchecked(data)].double().mean()), abs=0.06)


def test_few_rows_of_numbers_are_halved_several_times(judged):
    """Each time anew, and every round judges all of them."""
    halves = bench_of(judged).halves
    assert len(halves.parts) == (2 * ROUNDS if is_cheap(data_of(open_run(judged)).train.x, len(halves.train)) else 2)
    rounds = [judged_of.rows for judged_of in by_turns(20, lambda learnt, asked: Half(asked, NONE, NONE), 0, 3)]
    assert len(rounds) == 6
    for one, other in zip(rounds[::2], rounds[1::2], strict=True):
        assert sorted(torch.cat([one, other]).tolist()) == list(range(20))
    assert len({tuple(rows.tolist()) for rows in rounds}) == 6


def test_fewer_checked_examples_teach_alone(judged):
    """Who holds some of them back for a trial judges labels without them."""
    halves = bench_of(judged).halves
    some = halves.clean.ids[: len(halves.clean) // 2]
    ours = torch.isin(halves.clean.ids, some)
    count = len(ours)

    def less(told):
        return torch.cat([told[:count][ours], told[count:]])

    parts = tuple(Half(part.rows, less(part.outputs), less(part.states)) for part in halves.parts)
    fewer = Halves(halves.clean.select(ours), halves.train, parts, halves.seed)
    assert torch.equal(halves.known(some).right, fewer.known(some).right)
    assert not torch.equal(halves.known(some).right, halves.known(halves.clean.ids).right)


def test_what_was_said_is_read_and_not_asked_again(judged, monkeypatch):
    found, data = open_run(judged), data_of(open_run(judged))
    fresh = bench_of(judged)
    asked = halves_file.rightness_of(
        fresh.halves.witness(torch.arange(len(data.clean))),
        Targets.of(data.clean),
        fresh.halves.train,
        found.config.student.seed,
    )
    monkeypatch.setattr(Bench, "halves", property(lambda self: pytest.fail("it stands in the folder")))
    read = judged_by_halves(found, data).of_all
    assert (read.right == asked.right).all()
    assert read.interval == asked.interval


def test_it_is_asked_and_kept_where_the_run_did_not(copied):
    before = judged_by_halves(open_run(copied), data_of(open_run(copied)))
    (copied / files.HALVES).unlink()
    again = judged_by_halves(open_run(copied), data_of(open_run(copied)))
    assert (again.right == before.right).all()
    assert (copied / files.HALVES).exists()


def test_a_damaged_file_is_refused(copied):
    path = copied / files.HALVES
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(BadInput, match="damaged"):
        judged_by_halves(open_run(copied), data_of(open_run(copied)))


def test_other_examples_are_judged_anew(copied, monkeypatch):
    found, data = open_run(copied), data_of(open_run(copied))
    less = data._replace(clean=data.clean.select(torch.arange(len(data.clean) - 1)))
    asked = []

    def anew(run, data, watcher):
        asked.append(len(data.clean))
        return bench_of(copied).halves.witness(torch.arange(len(data.clean)))

    monkeypatch.setattr("reweigh.audit.halves._asked", anew)
    judged_by_halves(found, data)
    assert asked == []
    judged_by_halves(found, less)
    assert asked == [len(data.clean) - 1]


def test_a_resumed_run_weighs_alike_and_asks_nobody(tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    args = ["train", *ARGS, "--rule", "judged", "--no-ledger"]
    assert run([*args, "--output", str(whole)]) == 0
    shutil.copytree(whole, parts)
    (parts / files.SUMMARY).unlink()
    (parts / files.MODEL).unlink()
    monkeypatch.setattr(Bench, "halves", property(lambda self: pytest.fail("its weights are in the checkpoint")))
    assert run(["train", "--output", str(parts), "--resume"]) == 0
    assert (parts / files.MODEL).read_bytes() == (whole / files.MODEL).read_bytes()


def test_where_nobody_can_judge_it_says_what_that_needs(judged):
    bench = bench_of(judged)
    none = Bench(bench._config, bench._data._replace(clean=bench._data.clean.select(torch.arange(3))))
    with pytest.raises(BadInput, match="needs 4 checked examples"):
        none.known(none._data.clean.ids)
    with pytest.raises(BadInput, match="needs 4 checked examples"):
        bench.halves.known(bench._data.clean.ids[:3])


def test_two_who_look_at_the_same_folder_cut_none_of_each_others_lines(copied):
    one, other = open_run(copied), open_run(copied)
    one.keep(lambda folder, digests: digests.write(folder / files.VERDICT, b"{}"))
    other.keep(lambda folder, digests: digests.write(folder / files.GALLERY, b"picture"))
    again = open_run(copied)
    assert again.digests.intact(copied / files.VERDICT)
    assert again.digests.intact(copied / files.GALLERY)
    assert other.digests.intact(copied / files.VERDICT)


def test_what_several_rules_ask_for_is_worked_out_once(judged, monkeypatch):
    halves, taught = bench_of(judged).halves, []
    real = halves_file.rightness_of

    def counted(*told):
        taught.append(1)
        return real(*told)

    monkeypatch.setattr(halves_file, "rightness_of", counted)
    ids = halves.clean.ids
    assert torch.equal(halves.known(ids).ids, halves.known(ids.clone()).ids)
    assert len(taught) == 1
    assert not torch.equal(halves.known(ids[:50]).right, halves.known(ids).right)
    assert len(taught) == 2
