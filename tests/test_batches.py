"""Going through a batch, whatever it is."""

from types import SimpleNamespace
from typing import NamedTuple

import torch

from reweigh.alignment.selection import part_of, places_with_rows
from reweigh.batches import parts_of, replaced, tensors_of


class Pair(NamedTuple):
    x: torch.Tensor
    rest: dict


def test_parts_are_found_with_the_way_to_them():
    batch = Pair(torch.ones(2), {"y": [torch.zeros(2), "word"], "o": SimpleNamespace(z=torch.ones(1))})
    assert [path for path, _ in parts_of(batch)] == [("x",), ("rest", "y", 0), ("rest", "y", 1), ("rest", "o", "z")]
    assert len(list(tensors_of(batch))) == 3


def test_replacing_leaves_the_original_and_what_does_not_change():
    batch = Pair(torch.ones(2), {"y": torch.zeros(3), "same": [1]})
    new = replaced(batch, lambda path, part: part + 1 if path == ("rest", "y") else part)
    assert type(new) is Pair
    assert new.x is batch.x
    assert new.rest["y"].tolist() == [1, 1, 1]
    assert new.rest["same"] is batch.rest["same"]
    assert batch.rest["y"].tolist() == [0, 0, 0]


def test_places_with_rows():
    ragged = [torch.ones(3), torch.ones(1), torch.ones(2)]
    batch = {"x": torch.ones(3, 2), "ragged": ragged, "names": ["a", "b", "c"], "w": torch.ones(2)}
    assert places_with_rows(batch, 3) == [("x",), ("ragged",), ("names",)]
    assert places_with_rows((torch.ones(2, 2), torch.ones(2)), 2) == [(0,), (1,)]  # two fields, not two examples
    part = part_of(batch, torch.tensor([2, 0]), 3)
    assert part["names"] == ["c", "a"]
    assert part["ragged"][0] is ragged[2]
    assert part["w"] is batch["w"]
