"""A batch and other tensors as one list, and back."""

from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch

from reweigh.capture import Inputs

Pair = namedtuple("Pair", "x y")


@dataclass
class Record:
    x: torch.Tensor
    name: str = "a"


x, y, v = torch.ones(2), torch.zeros(2), torch.full((3,), 7.0)
BATCHES = [{"x": x, "y": y, "size": 2}, (x, y), Pair(x, {"deep": [y, None]}), [x, "word"], Record(x), x]


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: type(batch).__name__)
def test_other_tensors_stand_in_the_same_places(batch):
    inputs = Inputs(batch, {"v": v})
    assert inputs.bar == ""
    assert inputs.tensors[-1] is v
    assert inputs.taken(inputs.tensors)[0] is batch
    others = [t + 1 for t in inputs.tensors]
    taken, named = inputs.taken(others)
    assert named["v"] is others[-1]
    again = Inputs(taken, named)
    assert type(taken) is type(batch)
    assert again.kind == inputs.kind
    assert all(one is other for one, other in zip(again.tensors, others, strict=True))


def test_numbers_and_words_make_another_kind():
    assert Inputs({"x": x, "k": 1}, {}).kind != Inputs({"x": x, "k": 2}, {}).kind
    assert Inputs({"x": x, "k": "a"}, {}).kind != Inputs({"x": x, "k": "b"}, {}).kind
    assert Inputs({"x": x}, {}).kind != Inputs({"z": x}, {}).kind
    assert Inputs({"x": x}, {"a": v}).kind != Inputs({"x": x}, {"b": v}).kind


def test_what_cannot_be_compared_is_said():
    assert "more than tensors" in Inputs({"x": x, "call": print}, {}).bar
