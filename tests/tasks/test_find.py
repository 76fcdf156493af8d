import numpy as np
import pyarrow as pa
import pytest
import torch

from reweigh.data.own.labels import TargetColumns
from reweigh.data.own.rows import Rows
from reweigh.tasks import find_task

RANDOM = np.random.default_rng(0)


def task(cells, wanted=None):
    rows = Rows("f", torch.zeros(len(cells), 1), (pa.array(cells),))
    kind, note = find_task(TargetColumns(rows, ("t",)), wanted)
    return kind.name, note


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["a", "b"] * 30, "classification"),
        (["1", "2", "3"] * 30, "classification"),
        ([True, False] * 30, "classification"),
        ([1.0, 2.0, float("nan")] * 30, "classification"),
        (["0.5", "1", "1.5"] * 30, "classification"),
        (list(range(100)) * 30, "classification"),
        (RANDOM.normal(size=100).tolist(), "regression"),
        ([f"{number:.3f}".replace(".", ",") for number in RANDOM.normal(size=100)], "regression"),
        (RANDOM.integers(0, 100_000, 3000).tolist(), "regression"),
        (["a;b", "a", "b", "b|c", "a;b;c", "c"] * 5, "multi-label"),
        (["yes; surely", "no; never"] * 5, "classification"),
    ],
)
def test_what_a_target_asks_for(cells, expected):
    found, note = task(cells)
    assert found == expected
    assert expected in note
    assert "--task" in note


def test_what_is_asked_for_is_what_is_done():
    assert task([1, 2, 3] * 30, "regression")[0] == "regression"
    assert task(["a"] * 3, "multi-label")[0] == "multi-label"
