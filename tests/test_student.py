"""The student: unwrapped, called with other parameters, and left as it was found."""

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import as_found, passes, several, trained
from reweigh.errors import BadInput, EngineRefused
from reweigh.walk import Walk


def mlp():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2))


def test_unwrap_takes_all_wrappers_off():
    model = mlp()
    assert several.unwrap(model) is model
    assert several.unwrap(nn.DataParallel(model)) is model
    assert (
        several.unwrap(torch.compile(nn.DataParallel(torch.compile(model, backend="eager")), backend="eager")) is model
    )


def test_is_compiled_finds_parts():
    model = mlp()
    assert not Walk(model).compiled
    assert Walk(nn.Sequential(torch.compile(nn.Linear(1, 1), backend="eager"))).compiled
    model[0].compile(backend="eager")
    assert Walk(model).compiled


def test_forbid_inference_mode():
    passes.forbid_inference_mode()
    with torch.no_grad():
        passes.forbid_inference_mode()
    with torch.inference_mode(), pytest.raises(BadInput, match="inference_mode"):
        passes.forbid_inference_mode()


CHOICES = {
    "0": ["0.weight", "0.bias"],
    "[13]": ["1.weight", "1.bias", "3.weight", "3.bias"],
    ("3", "0"): ["0.weight", "0.bias", "3.weight", "3.bias"],
}


@pytest.mark.parametrize("layers", CHOICES)
def test_patterns_choose_submodules_in_the_models_order(layers):
    assert list(trained.chosen_parameters(mlp(), layers)) == CHOICES[layers]


def test_all_trainable_parameters_by_default():
    model = mlp()
    model[0].weight.requires_grad_(False)
    chosen = trained.chosen_parameters(model)
    assert list(chosen) == ["0.bias", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert chosen["3.bias"] is model[3].bias
    assert list(trained.chosen_parameters(model, "0")) == ["0.bias"]


def test_a_pattern_chooses_everything_inside():
    model = nn.ModuleDict({"body": nn.Sequential(mlp(), nn.Linear(2, 2)), "head": nn.Linear(2, 2)})
    assert len(trained.chosen_parameters(model, "body")) == 8
    assert list(trained.chosen_parameters(model, "*.1")) == [
        "body.0.1.weight",
        "body.0.1.bias",
        "body.1.weight",
        "body.1.bias",
    ]


def test_a_predicate_sees_name_and_module():
    found = trained.chosen_parameters(mlp(), lambda name, part: isinstance(part, nn.Linear) and name != "0")
    assert list(found) == ["3.weight", "3.bias"]


def test_a_tied_parameter_is_chosen_through_any_of_its_places():
    model = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5, bias=False))
    model[1].weight = model[0].weight
    assert list(trained.chosen_parameters(model, "1")) == ["0.weight"]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("2", "'1', '3'"),
        ("4*", "matches no submodule of Sequential"),
        (lambda *_: False, "no trainable"),
        ([], "no tr"),
    ],
)
def test_a_choice_of_nothing_is_refused(layers, said):
    with pytest.raises(BadInput) as caught:
        trained.chosen_parameters(mlp(), layers)
    assert said in str(caught.value)


def test_frozen_and_lazy_models_are_refused():
    with pytest.raises(BadInput, match="no trainable parameter"):
        trained.chosen_parameters(mlp().requires_grad_(False))
    with pytest.raises(BadInput, match=r"'0\.weight' has no shape yet"):
        trained.chosen_parameters(nn.Sequential(nn.LazyLinear(3)))


def test_substituted_computes_with_other_parameters_and_puts_the_own_back():
    model = mlp().eval()
    found = dict(model.named_parameters())
    other = {name: torch.randn_like(p) for name, p in found.items()}
    x = torch.randn(5, 3)
    expected = torch.func.functional_call(model, other, (x,))
    usual = model(x)
    with as_found.substituted(model, other):
        assert torch.equal(model(x), expected)
    assert torch.equal(model(x), usual)
    assert all(p is found[name] for name, p in model.named_parameters())


def test_substituted_some_parameters_only_and_after_an_error():
    model = mlp().eval()
    own = model[3].bias
    with pytest.raises(KeyError), as_found.substituted(model, {"3.bias": torch.full((2,), 9.0)}):
        raise KeyError(model[3].bias.tolist(), type(model[0].bias))
    assert model[3].bias is own
    with as_found.substituted(model, {"3.bias": torch.full((2,), 9.0)}):
        assert model[3].bias.tolist() == [9.0, 9.0]
        assert isinstance(model[0].bias, nn.Parameter)
    assert model[3].bias is own


def test_substituted_replaces_a_tied_weight_in_all_places():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    x, w = torch.randn(2, 3), torch.randn(3, 3)
    with as_found.substituted(model, {"0.weight": w}):
        torch.testing.assert_close(model(x), x @ w.T @ w.T)
    assert model[1].weight is model[0].weight


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_substituted_reaches_the_second_list_of_recurrent_layers(kind):
    rnn, twin = kind(3, 4, batch_first=True), kind(3, 4, batch_first=True)
    weights = list(rnn._flat_weights)
    x = torch.randn(2, 5, 3)
    with as_found.substituted(rnn, dict(twin.named_parameters())):
        assert torch.equal(rnn(x)[0], twin(x)[0])
    assert not torch.equal(rnn(x)[0], twin(x)[0])
    assert all(w is v for w, v in zip(rnn._flat_weights, weights, strict=True))
    assert all(ref() is w for ref, w in zip(rnn._flat_weight_refs, rnn._flat_weights, strict=True))


class Careless(nn.Module):
    """Everything that a forward pass can leave behind."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.table = nn.Embedding(4, 3, max_norm=0.1)
        self.register_buffer("calls", torch.zeros(()))
        self.twin = nn.Module()
        self.twin.register_buffer("calls", self.calls)

    def forward(self, x):
        self.calls += 1
        self.seen = x
        np.random.rand(), random.random()
        return F.dropout(self.norm(x) + self.table(torch.arange(4)), 0.5)


@pytest.mark.parametrize("fails", [False, True])
def test_undisturbed_restores_everything(fails):
    model = Careless()
    buffers = {name: (b, b.clone()) for name, b in model.named_buffers(remove_duplicate=False)}
    weight = model.table.weight.clone()
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    try:
        with as_found.preserve_module_state(model):
            model(torch.randn(4, 3))
            assert float(model.calls) == 1
            assert model.twin.calls is model.calls
            if fails:
                raise KeyError
    except KeyError:
        pass
    for name, b in model.named_buffers(remove_duplicate=False):
        assert b is buffers[name][0]
        assert torch.equal(b, buffers[name][1]), name
    assert torch.equal(model.table.weight, weight)
    assert not hasattr(model, "seen")
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert random.getstate() == states[2]


class Squashed(nn.Linear):
    """Compiled where it is called: dynamo leaves PyTorch's own layers alone."""

    def forward(self, x):
        return super().forward(x).tanh()


def test_undisturbed_runs_compiled_parts_uncompiled():
    compiled = []

    def backend(graph, _):
        compiled.append(graph)
        return graph.forward

    torch._dynamo.reset()
    model = nn.Sequential(torch.compile(Squashed(3, 2), backend=backend))
    with as_found.preserve_module_state(model):
        model(torch.randn(2, 3))
    assert compiled == []
    model(torch.randn(2, 3))
    assert len(compiled) == 1


def test_other_masks_are_others_and_are_themselves_repeatable():
    model = nn.Dropout(0.5)
    x = torch.ones(64)
    state = torch.get_rng_state()
    usual = model(x)
    found = []
    for _ in range(2):
        torch.set_rng_state(state)
        with as_found.preserve_module_state(model):
            as_found.reseed_dropout(model)
            found.append(model(x))
        assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(*found)
    assert not torch.equal(found[0], usual)


@pytest.mark.parametrize(
    ("returned", "said"),
    [
        (1.5, "float, not a tensor"),
        (torch.tensor(1.5), "reduction='none'"),
        (torch.zeros(3, 2), "(3, 2)"),
        (torch.zeros(0), "empty"),
        (torch.zeros(3, dtype=torch.int64), "torch.int64"),
    ],
)
def test_what_is_not_one_loss_an_example(returned, said):
    with pytest.raises(BadInput) as caught:
        passes.losses_of(mlp(), lambda model, batch: returned, None)
    assert said in str(caught.value)


def test_losses_of_hands_on_model_and_batch():
    model, losses = mlp(), torch.zeros(3)
    assert passes.losses_of(model, lambda m, b: losses if (m, b) == (model, "b") else None, "b") is losses


def test_gradients_weighted_dense_and_none_for_the_unused():
    table = nn.Embedding(4, 2, sparse=True)
    unused = torch.zeros(2, requires_grad=True)
    losses = table(torch.tensor([1, 1, 3])).sum(1)
    for keep_graph in (True, False):
        weights = torch.tensor([1.0, 2.0, 5.0])
        found, none = passes.gradients(losses, [table.weight, unused], weights, keep_graph=keep_graph)
        assert none is None
        assert torch.equal(found, torch.tensor([[0.0, 0.0], [3.0, 3.0], [0.0, 0.0], [5.0, 5.0]]))
    assert table.weight.grad is None


@pytest.mark.parametrize("asked", ["before and inside", "inside only"])
def test_gradients_under_reentrant_checkpointing(asked):
    """Autograd complains if it comes through the block on its way; if not, what is inside must not pass for unused."""
    before, inside = nn.Linear(2, 2), nn.Linear(2, 2)
    y = torch.utils.checkpoint.checkpoint(inside, before(torch.randn(3, 2)), use_reentrant=True)
    leaves = [before.weight, inside.weight] if asked == "before and inside" else [inside.weight]
    with pytest.raises(EngineRefused, match="use_reentrant=False"):
        passes.gradients(y.sum(), leaves)


def test_gradients_hand_other_errors_on():
    with pytest.raises(RuntimeError, match="does not require grad") as caught:
        passes.gradients(torch.zeros(()), [torch.zeros(2, requires_grad=True)])
    assert not isinstance(caught.value, EngineRefused)
