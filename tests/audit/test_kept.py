"""Whether labels are right is worked out once for a run, and read again where nothing that it follows from has changed."""

import os
import shutil
from dataclasses import fields

import numpy as np
import pytest
import torch

from reweigh.audit import audit_run, halves, kept
from reweigh.audit.halves import judged_by_halves
from reweigh.errors import BadInput
from reweigh.run.finished import data_of, open_run
from reweigh.run.folder import run_folder as files


@pytest.fixture
def opened(audited, finished, tmp_path):
    """A copy of a run that was audited, and its data."""
    run = open_run(shutil.copytree(finished, tmp_path / "run"))
    return run, data_of(run)


@pytest.fixture
def counted(monkeypatch):
    """How often students were trained."""
    made, real = [], halves._judged
    monkeypatch.setattr(halves, "_judged", lambda *arguments: made.append(1) or real(*arguments))
    return made


def same(one, other):
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("of_all", "evidence"):
            same(mine, theirs)
        elif isinstance(mine, np.ndarray | torch.Tensor):
            assert np.array_equal(np.asarray(mine), np.asarray(theirs), equal_nan=np.asarray(mine).dtype.kind == "f"), (
                field.name
            )
        else:
            assert mine == theirs, field.name


def test_the_second_time_nobody_is_trained_and_all_is_the_same(opened, counted):
    run, data = opened
    (run.path / files.LABELS).unlink()
    first = judged_by_halves(run, data)
    assert counted == [1]
    second = judged_by_halves(open_run(run.path), data)
    assert counted == [1]
    same(first, second)
    assert second.of_all.sentence() == first.of_all.sentence()


def test_an_audit_keeps_it_for_the_next(opened, counted, audited):
    run, _ = opened
    assert np.array_equal(audit_run(run.path).quality, audited.quality, equal_nan=True)
    assert counted == []


def test_other_labels_and_another_version_are_judged_anew(opened, counted, monkeypatch):
    run, data = opened
    y = data.train.y.clone()
    y[0] = (y[0] + 1) % 10
    assert kept.what_it_follows_from(run, data._replace(train=data.train.with_labels(y))) != kept.what_it_follows_from(
        run, data
    )
    monkeypatch.setattr(kept, "__version__", "9.9")
    assert kept.read(run, data.train.task, kept.what_it_follows_from(run, data)) is None
    judged_by_halves(run, data)
    assert counted == [1]
    assert kept.read(run, data.train.task, kept.what_it_follows_from(run, data)) is not None


def test_the_state_of_a_given_model_counts(opened):
    run, data = opened
    marks = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        object.__setattr__(run, "given", torch.nn.Linear(2, 2))
        marks.add(kept.what_it_follows_from(run, data))
    assert len(marks) == 2


def test_an_edited_file_is_refused_and_half_a_file_too(opened):
    run, data = opened
    path = run.path / files.LABELS
    content = bytearray(path.read_bytes())
    for wrong in (bytes(content[:-5]), bytes(content[:-1]) + bytes([content[-1] ^ 1])):
        path.write_bytes(wrong)
        with pytest.raises(BadInput, match=r"labels.safetensors is damaged or was edited"):
            judged_by_halves(run, data)


def test_a_folder_that_another_process_writes_is_left_alone(opened, counted):
    run, data = opened
    (run.path / files.LABELS).unlink()
    with files.RunFolder(run.path).locked():
        assert judged_by_halves(run, data) is not None
    assert not os.path.lexists(run.path / files.LABELS)
    assert counted == [1]


def test_what_others_wrote_since_it_was_opened_stays_whole(opened):
    run, _ = opened
    other = open_run(run.path)
    other.keep(files.VERDICT, b"{}\n")
    run.keep(files.LABELS, b"labels")
    again = open_run(run.path)
    assert again.digests.intact(run.path / files.VERDICT)
    assert again.digests.intact(run.path / files.LABELS)
