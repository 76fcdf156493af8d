"""A run of pairs has few shapes of batches, which its summary names; what is filled in changes no loss and no weight."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import reweigh
from made_up_pairs import pairs, tsv
from reweigh.data import Loader
from reweigh.data.stored import Stored
from reweigh.errors import BadInput
from reweigh.models import Translator
from reweigh.reweigher import Reweigher
from reweigh.rules import SmoothedL2RW
from reweigh.run.job.job import assemble
from reweigh.run.job.prepare import prepare, with_clean_kept
from reweigh.run.job.shapes import with_shapes
from reweigh.run.job.usual import with_usual
from reweigh.run.start import start
from reweigh.settings import Settings
from reweigh.tasks.shapes import MOST

from ..conftest import Nobody


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Pairs of very different lengths, one of them far longer than all others."""
    folder = tmp_path_factory.mktemp("pairs")
    rows = [(f"{a} " * (1 + n % 5), f"{b} " * (1 + n % 5)) for n, (a, b) in enumerate(pairs(260)[0])]
    tsv(folder / "pairs.tsv", [*rows[:200], ("hund " * 90, "dog " * 90)])
    tsv(folder / "checked.tsv", rows[200:])
    return folder


def made(files, **more):
    named = {"train": f"{files}/pairs.tsv", "clean": f"{files}/checked.tsv", "source": "de", "target": "en"}
    config = Settings.of(**{**named, "batch_size": 16, "epochs": 1, "threads": 1, **more})
    data = prepare(config)
    run = with_usual(config, data)
    return run, with_clean_kept(run, data)


def shape(batch):
    return batch["x"].shape[1], batch["y"].shape[1]


def test_batches_of_a_job_have_the_shapes_that_were_chosen_and_one_size_but_the_last(files):
    job = assemble(*made(files, rule="uniform"))
    for epoch in (0, 1):
        batches = [batch for _, batch, _ in job.loader.epoch(epoch)]
        assert len({len(batch["x"]) for batch in batches[:-1]}) == 1
        assert {shape(batch) for batch in batches} <= set(job.task.shapes)
        assert len({shape(batch) for batch in batches}) > 1
    assert {shape(job.inputs.clean.batch(rows)) for rows in torch.arange(len(job.data.clean)).split(9)} <= set(
        job.task.shapes
    )
    assert 1 < len(job.task.shapes) <= MOST


def test_fewer_tokens_are_filled_in_than_by_neighbours_in_multiples_of_eight(files):
    run, data = made(files)
    shaped, order = with_shapes(run, data).train, torch.randperm(200, generator=torch.Generator().manual_seed(0))

    def filled(examples, along):
        parts = [examples.batch(rows) for rows in order[along[order].argsort(stable=True)].split(16)]
        return sum(part["x"].numel() + part["y"].numel() for part in parts)

    assert filled(shaped, shaped.shapes) <= filled(data.train, data.train.lengths[:, 1])


def test_all_parts_have_them_and_the_choice_is_the_same_again(files):
    run, data = made(files, patience=1)
    one, other = with_shapes(run, data), with_shapes(run, data)
    assert one.train.task == other.train.task == one.clean.task == one.test.task
    assert one.train.task.shapes
    assert not data.train.task.shapes
    other_seed = with_shapes(replace(run, student=replace(run.student, seed=7)), data)
    assert other_seed.train.task.shapes[-1] == one.train.task.shapes[-1]


def test_the_lengths_of_inputs_on_the_disk_are_read_in_parts(files, monkeypatch):
    class Elsewhere(Stored):
        def __init__(self, x):
            self._x, self.shape, self.dtype = x, tuple(x.shape), x.dtype

        def take(self, rows):
            assert len(rows) <= 50
            return self._x[torch.from_numpy(np.asarray(rows))]

    monkeypatch.setattr("reweigh.data.examples._AT_ONCE", 50)
    train = made(files)[1].train
    assert torch.equal(replace(train, x=Elsewhere(train.x)).lengths, train.lengths)


def test_what_is_filled_in_changes_neither_losses_nor_weights(files):
    run, data = made(files)
    shaped = with_shapes(run, data)
    wide = replace(shaped.train.task, shapes=((128, 128),))
    torch.manual_seed(0)
    model = Translator(classes=shaped.train.task.outputs, width=16, layers=1, heads=2).eval()
    rows, clean = torch.arange(12), torch.arange(20)
    found = []
    for task in (wide, shaped.train.task, data.train.task):
        parts = [replace(part, task=task) for part in (data.train, data.clean)]
        batch, checked = parts[0].batch(rows), parts[1].batch(clean)
        by = Reweigher(model, task.loss, rule=SmoothedL2RW(), clean=[checked], layers="body")
        found.append((shape(batch), task.loss(model, batch).detach(), by.weigh(batch)))
    assert len({one[0] for one in found}) > 1
    for _, losses, weights in found[1:]:
        torch.testing.assert_close(losses, found[0][1], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(weights, found[0][2], rtol=1e-3, atol=1e-5)
    assert found[0][2].std() > 0


def test_the_summary_says_which_they_are(files, tmp_path):
    named = {"train": f"{files}/pairs.tsv", "clean": f"{files}/checked.tsv", "source": "de", "target": "en"}
    start(Settings.of(**named, rule="uniform", steps=2), tmp_path / "run", Nobody())
    said = json.loads((tmp_path / "run" / "summary.json").read_text())["shapes"]
    assert 1 <= len(said) <= MOST
    assert all(width % 8 == 0 for each in said for width in each)
    assert reweigh.load(tmp_path / "run").summary["shapes"] == said


def test_other_tasks_have_none():
    x = torch.rand(60, 3)
    run = reweigh.fit((x, x[:, 0] > 0.5), clean=range(30), rule="uniform", steps=2, quick=True, verbose=False)
    assert "shapes" not in run.summary


def test_too_distributed_for_what_is_left_are_refused(files):
    run, data = made(files)
    train = with_shapes(run, data).train.select(torch.arange(31))
    Loader(train, 6, seed=0, size=1)
    with pytest.raises(BadInput, match="batches of 1 examples are too small for 2 processes"):
        Loader(train, 6, seed=0, size=2)
