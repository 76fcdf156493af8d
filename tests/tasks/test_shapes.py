"""The widths of batches of pairs: few, wide enough, and those that fill in little."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reweigh.tasks import Translation
from reweigh.tasks.language_model import IGNORED
from reweigh.tasks.shapes import MOST, ROUND, rounded, shape_of, shapes_for

PAIRS = st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=60)


def tokens(lengths, counts, shapes):
    """What is in batches of pairs each of which is filled up to the first shape that holds it."""
    held = torch.tensor(shapes)[shape_of(lengths, shapes)]
    return float((held.sum(1) * counts).sum())


@settings(deadline=None)
@given(PAIRS, st.integers(0, 2**31))
def test_they_are_few_multiples_of_eight_in_order_and_hold_every_pair(pairs, seed):
    lengths = torch.tensor(pairs)
    counts = torch.rand(len(pairs), generator=torch.Generator().manual_seed(seed))
    shapes = shapes_for(lengths, counts)
    assert 1 <= len(shapes) == len(set(shapes)) <= MOST
    assert all(type(width) is int and width % ROUND == 0 for shape in shapes for width in shape)
    assert [sum(shape) for shape in shapes] == sorted(sum(shape) for shape in shapes)
    assert tuple(rounded(lengths.amax(0)).tolist()) in shapes
    places = shape_of(lengths, shapes)
    for (source, target), place in zip(pairs, places.tolist(), strict=True):
        assert source <= shapes[place][0]
        assert target <= shapes[place][1]
        assert not any(source <= s and target <= t for s, t in shapes[:place])


def test_they_save_about_as_much_as_the_best_that_there_are():
    draw = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 33, (400, 2), generator=draw).float().pow(1.3).int().clamp(max=32).long()
    counts = torch.ones(400)
    found = tokens(lengths, counts, shapes_for(lengths, counts))
    grid = list(itertools.product((8, 16, 24, 32), repeat=2))
    best = min(
        tokens(lengths, counts, (*sorted(some, key=sum), (32, 32)))
        for some in itertools.combinations(grid[:-1], MOST - 1)
    )
    assert best <= found <= 1.03 * best
    assert found < 0.85 * tokens(lengths, counts, ((32, 32),))


def test_what_counts_for_nothing_gets_no_shape_but_the_widest():
    lengths = torch.tensor([[5, 5], [30, 30], [15, 15]])
    assert shapes_for(lengths, torch.tensor([9.0, 9.0, 0.0])) == ((8, 8), (32, 32))
    assert shapes_for(lengths, torch.tensor([9.0, 0.0, 9.0])) == ((8, 8), (16, 16), (32, 32))
    assert shapes_for(torch.tensor([[3, 40]]), torch.ones(1)) == ((8, 40),)


def test_longer_pairs_than_any_shape_holds_have_none():
    assert shape_of(torch.tensor([[8, 8], [9, 8], [17, 1]]), ((8, 8), (16, 8))).tolist() == [0, 1, 2]
    assert shape_of(torch.tensor([[1, 1]]), ()).tolist() == [0]


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [((3, 5), (8, 8)), ((9, 2), (16, 24)), ((2, 17), (16, 24)), ((20, 2), (24, 8)), ((3, 30), (8, 32))],
)
def test_a_batch_has_the_first_shape_that_holds_it_or_multiples_of_eight(lengths, expected):
    task = Translation(("[PAD]", "[START]", "[END]", "a"), shapes=((8, 8), (16, 24)))
    x, y = torch.zeros(2, 20, dtype=torch.int64), torch.full((2, 30), IGNORED, dtype=torch.int32)
    x[0, : lengths[0]], y[1, : lengths[1]], x[1, :1], y[0, :1] = 3, 3, 2, 2
    batch = task.completed({"x": x, "y": y, "id": torch.arange(2)})
    assert (batch["x"].shape[1], batch["y"].shape[1]) == expected  # wider than it was stored, where need be
    assert batch["given"].shape == batch["y"].shape
    assert (batch["x"] != 0).sum(1).tolist() == [lengths[0], 1]
    assert (batch["y"] != IGNORED).sum(1).tolist() == [1, lengths[1]]
    assert batch["given"][1].tolist() == [1, *[3] * (lengths[1] - 1), *[3] * (expected[1] > lengths[1]),
                                          *[0] * (expected[1] - lengths[1] - 1)]  # fmt: skip


def test_without_a_target_a_batch_still_has_a_width():
    task = Translation(("[PAD]", "[START]", "[END]", "a"))
    batch = task.completed({"x": torch.full((2, 12), 3), "y": torch.full((2, 12), IGNORED), "id": torch.arange(2)})
    assert (batch["x"].shape, batch["given"].shape) == ((2, 16), (2, 8))
