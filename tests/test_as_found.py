import pytest
import torch
from torch import nn

from reweigh.as_found import hooked, kept_if_failed, moved, preserve_module_state
from reweigh.undo import whole


def test_moved_exchanges_storage_and_puts_the_own_back():
    model = nn.Linear(2, 2)
    places = [p.data_ptr() for p in model.parameters()]
    with moved(model, {"weight": torch.full((2, 2), 7.0)}):
        assert float(model.weight.detach().sum()) == 28
        assert model.bias.data_ptr() == places[1]
    assert [p.data_ptr() for p in model.parameters()] == places


def test_hooks_stand_for_the_block_and_others_stay():
    model, seen = nn.Sequential(nn.Linear(2, 2), nn.ReLU()), []
    model[0].register_forward_hook(lambda *_: seen.append("theirs"))
    with hooked([(model[0], lambda *_: seen.append("ours")), (model, lambda *_: seen.append("whole"))]):
        model(torch.zeros(1, 2))
    model(torch.zeros(1, 2))
    assert seen == ["theirs", "ours", "whole", "theirs"]
    assert len(model[0]._forward_hooks) == 1
    assert not model._forward_hooks


def test_hooks_with_keywords_leave_no_key_behind():
    model = nn.Linear(2, 2)
    with hooked([(model, lambda module, args, kwargs, out: None)], with_kwargs=True):
        model(torch.zeros(1, 2))
    assert not model._forward_hooks
    assert not model._forward_hooks_with_kwargs


def test_a_training_pass_in_a_call_that_fails_has_not_been():
    model = nn.Sequential(nn.Embedding(5, 3, max_norm=0.1), nn.Flatten(), nn.BatchNorm1d(6), nn.Linear(6, 1))
    model(torch.tensor([[0, 1], [2, 3]])).sum().backward()
    model[3].bias.grad = None
    gradients = [None if p.grad is None else (id(p.grad), p.grad.clone()) for p in model.parameters()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()

    @whole
    def call():
        kept_if_failed(model)
        model.counted = 5
        model(torch.tensor([[4, 1], [4, 3]])).sum().backward()
        torch.rand(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not hasattr(model, "counted")
    assert torch.equal(torch.get_rng_state(), generator)
    for p, before in zip(model.parameters(), gradients, strict=True):
        assert (p.grad is None) if before is None else (id(p.grad) == before[0] and torch.equal(p.grad, before[1]))


def test_attributes_that_a_pass_sets_or_takes_away_are_put_back():
    model = nn.Linear(2, 2)
    model.seen, model.gone = 1, 2
    with preserve_module_state(model):
        model.seen, model.new = 3, 4
        del model.gone
    assert (model.seen, model.gone) == (1, 2)
    assert not hasattr(model, "new")
