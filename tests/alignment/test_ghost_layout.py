"""Where the examples lie: read off a shape, or proven by the gradients."""

import pytest
import torch

from reweigh.alignment.ghost.layout import Layout, candidates, fitting, residual

EVERY = [Layout(0), Layout(1), Layout(0, "time"), Layout(0, "examples")]


@pytest.mark.parametrize(
    ("shape", "leading", "expected"),
    [
        ((4, 7), 1, [Layout(0)]),
        ((7, 4, 3), 2, [Layout(1)]),
        ((4, 4, 3), 2, [Layout(0), Layout(1)]),
        ((8, 3), 1, [Layout(0, "time"), Layout(0, "examples")]),
        ((8, 4, 3), 2, [Layout(1), Layout(0, "time"), Layout(0, "examples")]),
        ((3, 8, 3), 2, [Layout(1, "time"), Layout(1, "examples")]),
        ((7, 4), 1, []),
        ((), 0, []),
    ],
)
def test_what_a_shape_allows(shape, leading, expected):
    assert candidates(shape, 4, leading) == expected


def test_one_example_owns_everything():
    (rows,) = candidates((6, 2), 1, 1)
    assert rows.first(torch.zeros(6, 2), 1).shape == (1, 6, 2)


@pytest.mark.parametrize("rows", EVERY, ids=str)
def test_first_and_spread_are_about_the_same_examples(rows):
    n = 3
    shape = (3, 3, 2) if rows.inner is None else (6, 2)
    owner = rows.spread(torch.arange(n), shape).expand(shape)
    assert torch.equal(rows.first(owner, n).flatten(1), torch.arange(n)[:, None].expand(n, owner.numel() // n))


@pytest.mark.parametrize("true", EVERY, ids=str)
def test_only_the_true_arrangement_fits(true):
    c = torch.tensor([1.1, 1.9, 1.4])
    one = torch.randn((3, 3, 2) if true.inner is None else (6, 2))
    rivals = EVERY[:2] if true.inner is None else EVERY[2:]
    weighted = one * true.spread(c, one.shape)
    off = {rows: residual(rows, one, weighted, c, float(weighted.norm())) for rows in rivals}
    assert [rows for rows in rivals if off[rows] < 1e-6] == [true]
    assert min(off[rows] for rows in rivals if rows != true) > 0.05
    assert min(residual(rows, one, weighted + 1e-2, c, float(weighted.norm())) for rows in rivals) > 1e-4


@pytest.mark.parametrize(
    ("shape", "true"),
    [(shape, rows) for shape in [(3, 3, 2), (3, 3, 4096), (3, 300, 64)] for rows in candidates(shape, 3, 2)],
    ids=str,
)
def test_the_one_that_fits_is_found_in_small_and_large(shape, true):
    possible, c = candidates(shape, 3, 2), torch.tensor([1.1, 1.9, 1.4])
    one = torch.randn(shape)
    assert fitting(possible, one, one * true.spread(c, shape), c, 1e-4) == (true, True)
    assert fitting(possible, one, one * true.spread(c, shape) + 0.1, c, 1e-4) == (None, False)


def test_what_a_part_does_not_tell_is_looked_at_in_full():
    """Nothing arrives in the first numbers, which are looked at first."""
    possible, c = [Layout(0), Layout(1)], torch.tensor([1.1, 1.9, 1.4])
    one = torch.randn(3, 3, 4096)
    one[..., :2048] = 0
    for true in possible:
        assert fitting(possible, one, one * true.spread(c, one.shape), c, 1e-4) == (true, True)


def test_where_two_fit_none_is_the_only_one():
    one, c = torch.diag(torch.randn(3))[..., None] * torch.ones(4096), torch.tensor([1.1, 1.9, 1.4])
    rows, alone = fitting([Layout(0), Layout(1)], one, one * c[:, None, None], c, 1e-4)
    assert rows in (Layout(0), Layout(1))
    assert not alone


def test_without_a_way_nothing_fits():
    assert fitting([], torch.randn(3, 2), torch.randn(3, 2), torch.ones(3), 1e-4) == (None, False)
    assert fitting([Layout(0)], torch.randn(3, 2), torch.zeros(3, 2), torch.ones(3), 1e-4) == (None, False)
