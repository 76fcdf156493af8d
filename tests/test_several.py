"""Several modules as one, and the containers that the loss is called with."""

import copy

import pytest
import torch
from torch import nn

from reweigh.errors import BadInput
from reweigh.several import Several, as_given, called, held, uncompiled_loss, unwrap


def test_one_module_stays_itself():
    model = nn.Linear(2, 2)
    assert held(model) is unwrap(model) is as_given(model) is model
    assert called(model) == [("", model)]
    several = nn.ModuleList([model])
    assert held(several) is unwrap(several) is several


@pytest.mark.parametrize("kind", [list, tuple, nn.ModuleList])
def test_wrappers_come_off_each(kind):
    one, two = nn.Linear(2, 2), nn.Linear(2, 1)
    model = held(kind([nn.DataParallel(one), torch.compile(two, backend="eager")]))
    bare = unwrap(model)
    assert type(as_given(bare)) is kind
    assert list(as_given(bare)) == [one, two]
    assert unwrap(model) is bare  # the same each time
    assert [name for name, _ in bare.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    assert [part for _, part in called(bare)] == [one, two]


def test_the_mode_is_that_of_the_parts():
    one, two = nn.Linear(2, 2).eval(), nn.Linear(2, 1)
    model = held([one, two])
    assert model.training
    two.eval()
    assert not model.training
    model.train()
    assert one.training


def test_a_copy_is_whole():
    twin = copy.deepcopy(held({"a": nn.Linear(2, 2)}))
    assert isinstance(twin, Several)
    assert as_given(twin)["a"] is twin.get_submodule("a")


@pytest.mark.parametrize("model", [3, [], {}, [nn.Linear(1, 1), 3], {"forward": nn.Linear(1, 1)}])
def test_what_is_no_model_is_said(model):
    with pytest.raises(BadInput, match="model"):
        held(model)


def test_the_loss_that_was_compiled():
    def loss(model, batch): ...

    compiled = torch.compile(loss)
    assert uncompiled_loss(compiled) is loss
    assert uncompiled_loss(loss) is loss
