"""Two processes beside one: the same parameters in the end, and a ratio."""

import re

import pytest
import torch
from benchmarks.tasks import Task
from benchmarks.two_processes import main, measured, part_of


def test_each_has_its_half():
    batch = {"x": torch.arange(6).view(6, 1), "y": torch.arange(6)}
    assert torch.equal(part_of(batch, 1, 2)["y"], torch.tensor([3, 4, 5]))
    assert torch.equal(part_of(batch, 0, 1)["y"], batch["y"])


@pytest.mark.slow
def test_both_end_with_the_same_parameters():
    task = Task("lenet", 8, 4)
    (alone, one), (together, two) = (measured(task, 2, size) for size in (1, 2))
    assert min(alone, together) > 0
    assert abs(one - two) < 1e-5 * one


@pytest.mark.slow
def test_the_ratio_is_printed(capsys):
    main(["--model", "lenet", "--n", "8", "--m", "4", "--steps", "1", "--rounds", "1"])
    said = capsys.readouterr().out
    assert re.search(r"\| 1 \| 0\.\d+ \| 0\.\d+ \| \d+\.\d\d \| \d\.\de[-+]\d\d \|", said)
    assert re.search(r"lenet, 8 \+ 4: \d+\.\d\d times as fast", said)
