"""What counts as a source, and how examples come out of it."""

import pytest
import torch

from reweigh.data import Examples, Source
from reweigh.data.source import examples_at
from reweigh.errors import BadInput
from small_sources import Texts


def test_examples_are_a_source():
    mine = Examples(torch.randn(3, 2), torch.tensor([0, 1, 0]), torch.arange(3), ("a", "b"))
    assert isinstance(mine, Source)
    assert isinstance(Texts(), Source)
    assert not isinstance([1, 2], Source)
    batch = examples_at(mine, torch.tensor([2, 0]))
    assert batch["id"].tolist() == [2, 0]
    assert torch.equal(batch["x"], mine.x[[2, 0]])


def test_single_examples_of_any_length_are_put_together_by_the_task():
    batch = examples_at(Texts(), torch.tensor([0, 1]))
    assert batch["x"].tolist() == [[1, 2, 3, 4], [1, 2, 0, 0]]
    assert batch["y"].tolist() == [[1, 2, 3, 4], [1, 2, -100, -100]]
    assert batch["id"].tolist() == [10, 20]


def test_what_is_no_example_is_a_sentence():
    class Bare(Texts):
        def __getitem__(self, row):
            return self.texts[row]

    with pytest.raises(BadInput, match=r"Bare\[1\] is no mapping with an 'x'"):
        examples_at(Bare(), torch.tensor([1]))
