"""The net for tables: numbers, vectors of categories, and no example that sees another."""

import pytest
import torch
import torch.nn.functional as F

from reweigh import alignments, clean_direction
from reweigh.errors import BadInput
from reweigh.models import TableNet, build


def rows(count):
    draw = torch.Generator().manual_seed(0)
    codes = [torch.randint(n, (count, 1), generator=draw).float() for n in (3, 5)]
    return torch.cat([torch.randn(count, 2, generator=draw), *codes], 1)


def test_the_codes_of_two_columns_never_share_a_vector():
    model = TableNet((4,), 2, categories=(3, 5))
    x = rows(1)
    x[0, 2:] = torch.tensor([2.0, 1.0])
    model(x).sum().backward()
    touched = model.vectors.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert touched == [2, 3 + 1]


def test_an_unknown_category_says_nothing_at_first():
    model = TableNet((4,), 2, categories=(3, 5))
    assert model.vectors.weight[[0, 3]].abs().sum() == 0
    assert (model.vectors.weight[[1, 2, 4, 5, 6, 7]].abs().sum(1) > 0).all()


def test_without_categories_it_is_a_perceptron():
    x = rows(5)[:, :2]
    model = build("table", input_shape=(2,), classes=3, seed=1)
    assert model.vectors is None
    assert torch.equal(model(x), model.layers(x))


def test_more_categories_than_columns():
    with pytest.raises(BadInput, match="3 columns of categories"):
        TableNet((2,), 2, categories=(2, 2, 2))


def test_the_ghost_engine_is_exact_for_it():
    model = build("table", input_shape=(4,), classes=2, categories=(3, 5))

    def loss(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    batch = {"x": rows(9), "y": torch.arange(9) % 2}
    direction = clean_direction(model, loss, {"x": rows(6), "y": torch.arange(6) % 2})
    found, exact = (alignments(model, loss, batch, direction, engine=name) for name in ("ghost", "double"))
    torch.testing.assert_close(found, exact)
