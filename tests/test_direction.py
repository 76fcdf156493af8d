"""The clean direction is the gradient of the mean clean loss, wherever it is asked for, and nothing else happens."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import clean_direction, optimizers
from reweigh.direction import direction_and_loss
from reweigh.errors import BadInput, EngineRefused
from reweigh.student import Student


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def mlp():
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)).double()


BATCH = {"x": torch.randn(6, 3, generator=torch.Generator().manual_seed(1)).double(), "y": torch.arange(6) % 2}


def by_hand(model, params=None, batch=BATCH):
    """∇ of the mean loss at other parameters of a copy."""
    twin = copy.deepcopy(model)
    if params is not None:
        twin.load_state_dict({**twin.state_dict(), **params})
    losses(twin, batch).mean().backward()
    return {name: p.grad for name, p in twin.named_parameters() if p.grad is not None}


def random_like(model, seed=5):
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(p.shape, generator=generator).to(p) for name, p in model.named_parameters()}


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-12)
        assert not found[name].requires_grad


def test_the_gradient_at_the_models_own_parameters():
    model = mlp()
    v, loss = direction_and_loss(Student(model, losses), BATCH)
    assert_same(v, by_hand(model))
    assert loss.shape == ()
    assert float(loss) == pytest.approx(losses(model, BATCH).mean().item())
    assert not loss.requires_grad


def test_the_gradient_at_given_parameters():
    model = mlp()
    at = random_like(model)
    assert_same(clean_direction(model, losses, BATCH, at=at), by_hand(model, at))
    some = {"0.weight": at["0.weight"]}
    assert_same(clean_direction(model, losses, BATCH, at=some), by_hand(model, some))


@pytest.mark.parametrize("layers", ["4", ["2", "4"], lambda name, _: name == "2"])
def test_only_the_chosen_layers_are_in_it(layers):
    model = mlp()
    v = clean_direction(model, losses, BATCH, layers=layers)
    whole = by_hand(model)
    assert 0 < len(v) < len(whole)
    assert_same(v, {name: g for name, g in whole.items() if name in v})
    assert {name[0] for name in v} == ({"4"} if layers == "4" else {"2", "4"} if isinstance(layers, list) else {"2"})


def test_the_backward_pass_stops_at_the_chosen_layers():
    model = mlp()
    recorded = []
    for index in (0, 2, 4):
        model[index].register_forward_hook(lambda m, _, out: recorded.append(out.requires_grad))
    clean_direction(model, losses, BATCH, layers="4")
    assert recorded == [False, False, True]


def test_frozen_parameters_are_not_in_it_and_stay_frozen():
    model = mlp()
    model[0].requires_grad_(False)
    v = clean_direction(model, losses, BATCH)
    assert {name[0] for name in v} == {"2", "4"}
    assert not model[0].weight.requires_grad


def test_a_parameter_that_the_loss_does_not_use_is_absent():
    model = nn.ModuleDict({"used": mlp(), "unused": nn.Linear(2, 2)})
    v = clean_direction(model, lambda m, b: losses(m["used"], b), BATCH)
    assert len(v) == 6
    assert not any(name.startswith("unused") for name in v)


def test_weight_decay_adds_the_parameters_where_the_gradient_is_taken():
    model = mlp()
    expected = {name: g + 0.3 * dict(model.named_parameters())[name].detach() for name, g in by_hand(model).items()}
    assert_same(clean_direction(model, losses, BATCH, weight_decay=0.3), expected)
    at = random_like(model)
    expected = {name: g + 0.3 * at[name] for name, g in by_hand(model, at).items()}
    assert_same(clean_direction(model, losses, BATCH, weight_decay=0.3, at=at), expected)


def stepped(model, make, **options):
    optimizer = make(model.parameters(), **options)
    for seed in range(3):
        for p, g in zip(model.parameters(), random_like(model, seed).values(), strict=True):
            p.grad = g
        optimizer.step()
    optimizer.zero_grad()
    return optimizer


OPTIMIZERS = [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    (torch.optim.AdamW, {"lr": 0.1, "eps": 1e-3}),
]


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(("make", "options"), OPTIMIZERS)
def test_with_an_optimizer_it_is_minus_the_slope_of_the_clean_loss_after_its_step(make, options, given):
    """Against real steps of a copy: −d L_clean(θ'(g + h·d))/dh = ⟨v, d⟩ for any change d of the data gradient."""
    model = mlp()
    optimizer = stepped(model, make, **options)
    base = random_like(model, 8) if given else {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    v = clean_direction(model, losses, BATCH, optimizer=optimizer, gradient=base if given else None)

    def clean_loss_after(g):
        twin, copied = copy.deepcopy((model, optimizer))
        for name, p in twin.named_parameters():
            p.grad = g[name].clone()
        copied.step()
        return losses(twin, BATCH).mean().item()

    for seed in range(3):
        d, h = random_like(model, 20 + seed), 1e-5
        ahead, behind = (clean_loss_after({n: base[n] + s * h * d[n] for n in d}) for s in (1, -1))
        expected = sum(float((v[name] * d[name]).sum()) for name in d)
        assert (behind - ahead) / (2 * h) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_at_overrides_where_but_not_what_is_carried():
    model = mlp()
    optimizer = stepped(model, torch.optim.SGD, lr=0.1, momentum=0.9)
    at = random_like(model)
    v = clean_direction(model, losses, BATCH, optimizer=optimizer, at=at)
    assert_same(v, {name: 0.1 * g for name, g in by_hand(model, at).items()})


def test_weight_decay_with_an_optimizer_is_taken_at_the_look_ahead():
    model = mlp()
    optimizer = stepped(model, torch.optim.SGD, lr=0.1, momentum=0.9)
    there = optimizers.look_ahead(optimizer, dict(model.named_parameters()))
    v = clean_direction(model, losses, BATCH, optimizer=optimizer, weight_decay=0.5)
    assert_same(v, {name: 0.1 * (g + 0.5 * there[name]) for name, g in by_hand(model, there).items()})


def test_with_layers_the_other_layers_move_too():
    model = mlp()
    optimizer = stepped(model, torch.optim.SGD, lr=0.1, momentum=0.9)
    there = optimizers.look_ahead(optimizer, dict(model.named_parameters()))
    v = clean_direction(model, losses, BATCH, optimizer=optimizer, layers="4")
    assert_same(v, {name: 0.1 * g for name, g in by_hand(model, there).items() if name[0] == "4"})


def test_parameters_that_the_optimizer_does_not_train_are_dropped():
    model = mlp()
    v = clean_direction(model, losses, BATCH, optimizer=torch.optim.SGD(model[4].parameters(), lr=0.5))
    assert_same(v, {name: 0.5 * g for name, g in by_hand(model).items() if name[0] == "4"})


def test_a_sparse_embedding_gives_a_dense_direction():
    tables = [nn.Sequential(nn.Embedding(7, 3, sparse=sparse), nn.Linear(3, 2)) for sparse in (True, False)]
    tables[1].load_state_dict(tables[0].state_dict())
    batch = {"x": torch.tensor([1, 1, 5]), "y": torch.tensor([0, 1, 0])}
    found, expected = (clean_direction(table, losses, batch) for table in tables)
    assert not found["0.weight"].is_sparse
    assert_same(found, expected)


@pytest.mark.parametrize("at", [False, True])
def test_model_buffers_generators_and_grad_are_left_alone(at):
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).double()
    model[0].weight.grad = torch.full_like(model[0].weight, 2.0)
    state, params = copy.deepcopy(model.state_dict()), dict(model.named_parameters())
    found = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()

    def noisy(m, b):
        np.random.rand(), random.random()
        return losses(m, b)

    clean_direction(model, noisy, BATCH, at=random_like(model) if at else None)
    torch.testing.assert_close(model.state_dict(), state, rtol=0, atol=0)
    assert all(p is params[name] and p.requires_grad for name, p in model.named_parameters())
    assert bool((model[0].weight.grad == 2).all())
    assert model[3].weight.grad is None
    assert torch.equal(torch.get_rng_state(), found[0])
    assert np.array_equal(np.random.get_state()[1], found[1])
    assert random.getstate() == found[2]


def test_dropout_masks_are_not_those_of_the_next_pass():
    model, masks = nn.Sequential(nn.Linear(3, 64), nn.Dropout(0.5), nn.Linear(64, 2)).double(), []
    model[1].register_forward_hook(lambda m, _, out: masks.append(out.detach() == 0))
    clean_direction(model, losses, BATCH)
    losses(model, BATCH)
    assert not torch.equal(*masks)


def test_under_no_grad_and_through_wrappers():
    model = mlp()
    expected = by_hand(model)
    with torch.no_grad():
        assert_same(clean_direction(model, losses, BATCH), expected)
    assert_same(clean_direction(nn.DataParallel(torch.compile(model, backend="eager")), losses, BATCH), expected)


def test_mistakes_in_one_sentence():
    model = mlp()
    other = torch.optim.SGD(mlp().parameters(), lr=0.1)
    with pytest.raises(BadInput, match="trains none of the parameters"):
        clean_direction(model, losses, BATCH, optimizer=other)
    with pytest.raises(BadInput, match="trains none of the parameters"):
        clean_direction(model, losses, BATCH, layers="4", optimizer=torch.optim.SGD(model[0].parameters(), lr=0.1))
    with pytest.raises(BadInput, match="does not depend on the parameters"):
        clean_direction(model, lambda m, b: losses(m, b).detach(), BATCH)
    with pytest.raises(BadInput, match="reduction='none'"):
        clean_direction(model, lambda m, b: losses(m, b).mean(), BATCH)
    with pytest.raises(BadInput, match="chooses no trainable"):
        clean_direction(model, losses, BATCH, layers="1")
    with torch.inference_mode(), pytest.raises(BadInput, match="inference_mode"):
        clean_direction(model, losses, BATCH)


@pytest.mark.parametrize("checkpointed", ["later layers", "all layers"])
def test_reentrant_checkpointing_is_refused(checkpointed):
    """With all layers in the block no parameter lies below it, and autograd would give None without a word."""
    model = mlp()

    def loss(m, b):
        x = b["x"].clone().requires_grad_()
        below, block = (m[:1], m[1:]) if checkpointed == "later layers" else (m[:0], m)
        y = torch.utils.checkpoint.checkpoint(block, below(x), use_reentrant=True)
        return F.cross_entropy(y, b["y"], reduction="none")

    with pytest.raises(EngineRefused, match="use_reentrant=False"):
        clean_direction(model, loss, BATCH)
