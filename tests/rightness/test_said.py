"""What is said of checked examples on all ranks: each once, whoever has them."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.rightness.said import Said


def said(ids, known=True, labels=None):
    """Of some of ten examples, each with numbers of its own."""
    rows = torch.tensor(ids)
    logits = torch.arange(30.0, dtype=torch.double).reshape(10, 3)[rows]
    labels = rows % 3 if labels is None else torch.tensor(labels)
    return Said(logits, [logits[:, :2], logits[:, 1:]], labels, rows if known else None)


def put_in(monkeypatch, *parts):
    """What ranks have, whatever of it they send each other."""

    def everywhere(item):
        return list(parts) if isinstance(item, Said) else [part.mark() for part in parts]

    monkeypatch.setattr("reweigh.distributed.everywhere", everywhere)


def on_ranks(monkeypatch, *parts):
    put_in(monkeypatch, *parts)
    found = [part.of_all_ranks() for part in parts]
    for other in found[1:]:
        assert torch.equal(other.logits, found[0].logits)
    return found[0]


def test_of_one_process_it_is_its_own():
    one = said([3, 1, 1])
    assert one.of_all_ranks() is one


@pytest.mark.parametrize("known", [True, False])
def test_what_all_ranks_have_counts_once(monkeypatch, known):
    found = on_ranks(monkeypatch, said([0, 4, 2], known), said([0, 4, 2], known))
    assert found.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("known", [True, False])
def test_parts_are_put_one_behind_the_other(monkeypatch, known):
    found, whole = (
        on_ranks(monkeypatch, said([5, 4], known), said([7], known), said([9, 8], known)),
        said([5, 4, 7, 9, 8]),
    )
    assert torch.equal(found.logits, whole.logits)
    assert torch.equal(found.labels, whole.labels)
    assert all(torch.equal(a, b) for a, b in zip(found.spaces, whole.spaces, strict=True))
    assert (found.ids is not None) is known


def test_an_example_that_two_ranks_have_counts_once(monkeypatch):
    found, whole = on_ranks(monkeypatch, said([6, 2, 0]), said([2, 1, 6])), said([6, 2, 0, 1])
    assert found.ids.tolist() == [6, 2, 0, 1]
    assert torch.equal(found.logits, whole.logits)
    assert torch.equal(found.spaces[1], whole.spaces[1])


def test_a_label_without_an_output_is_refused_on_all_ranks(monkeypatch):
    good, bad = said([0, 1]), said([2, 3], labels=[2, 3])
    put_in(monkeypatch, good, bad)
    for part in (good, bad):
        with pytest.raises(BadInput, match="run from 0 to 3 and the model has 3 outputs"):
            part.of_all_ranks()
