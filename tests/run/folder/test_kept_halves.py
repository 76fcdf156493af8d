"""What two students said is read as it was written: kinds in their order, in whatever order the file hands them out."""

from dataclasses import dataclass
from itertools import count

import pytest
import safetensors.torch
import torch

from reweigh.digests import Digests
from reweigh.rightness.pairs.verify import OF_PAIRS, PairsView
from reweigh.run.folder.kept_halves import read_halves, write_halves
from reweigh.run.folder.run_folder import HALVES, RunFolder

KINDS = ("exchanged", "copied", "shuffled", "cut", "foreign", "a/b")  # the last one is somebody's own
CHECKED, OTHERS, RUN = 4, 6, "0" * 64


@dataclass(frozen=True)
class Some:
    """Checked examples, or others, by their ids."""

    ids: torch.Tensor
    judging = OF_PAIRS

    def __len__(self):
        return len(self.ids)


@dataclass(frozen=True)
class Judged:
    clean: Some
    train: Some
    view: PairsView

    def witness(self, checked):
        return self.view


@pytest.fixture
def judged():
    torch.manual_seed(0)
    n = CHECKED + OTHERS
    view = PairsView(torch.randn(n, 3), {kind: torch.randn(n, 3) for kind in KINDS})
    return Judged(Some(torch.tensor([7, 5, 9, 8])), Some(torch.arange(100, 100 + OTHERS)), view)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_kinds_come_in_their_order(judged, folder, monkeypatch):
    digests = Digests(folder.path, RUN)
    write_halves(folder, digests, judged)
    load, turns = safetensors.torch.load, count()

    def in_another_order(content):
        told = list(load(content).items())
        turn = next(turns) % len(told)
        return dict(told[turn:] + told[:turn])

    monkeypatch.setattr(safetensors.torch, "load", in_another_order)
    for _ in range(8):
        found = read_halves(folder, digests, judged.clean, judged.train)
        assert tuple(found.spoilt) == KINDS
        assert all(torch.equal(found.spoilt[kind], judged.view.spoilt[kind]) for kind in KINDS)
        assert torch.equal(found.given, judged.view.given)


def test_checked_ones_come_as_they_are_asked_for(judged, folder):
    digests = Digests(folder.path, RUN)
    write_halves(folder, digests, judged)
    order = torch.tensor([2, 0, 3, 1])
    found = read_halves(folder, digests, Some(judged.clean.ids[order]), judged.train)
    assert torch.equal(found.given, judged.view.given[torch.cat([order, torch.arange(CHECKED, CHECKED + OTHERS)])])


def test_what_an_earlier_version_wrote_is_read_in_one_order(judged, folder):
    """Without the places of kinds: by their names."""
    digests = Digests(folder.path, RUN)
    content = {"checked ids": judged.clean.ids, "other ids": judged.train.ids, "given": judged.view.given}
    content |= {f"spoilt/{kind}": judged.view.spoilt[kind] for kind in KINDS[:-1]}
    digests.write(folder.path / HALVES, safetensors.torch.save(content))
    found = read_halves(folder, digests, judged.clean, judged.train)
    assert tuple(found.spoilt) == tuple(sorted(KINDS[:-1]))


def test_of_other_examples_nothing_is_known(judged, folder):
    digests = Digests(folder.path, RUN)
    assert read_halves(folder, digests, judged.clean, judged.train) is None
    write_halves(folder, digests, judged)
    assert read_halves(folder, digests, Some(torch.tensor([7, 5, 9, 6])), judged.train) is None
    assert read_halves(folder, digests, judged.clean, Some(judged.train.ids + 1)) is None
