from types import SimpleNamespace

import torch

from reweigh.optimizers.wrapped import has_stepped, unwrapped


def test_the_optimizer_inside_is_found():
    own = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1)
    assert unwrapped(own) is own
    assert unwrapped(SimpleNamespace(optimizer=SimpleNamespace(optimizer=own))) is not own  # no chain of others
    assert unwrapped(SimpleNamespace(optimizer=own)) is own
    assert unwrapped(None) is None


def test_a_step_is_none_while_gradients_are_accumulated():
    assert has_stepped(torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=0.1))
    for synchronised in (True, False):
        state = SimpleNamespace(sync_gradients=synchronised)
        assert has_stepped(SimpleNamespace(gradient_state=state)) is synchronised
