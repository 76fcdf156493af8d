"""Fused operations written out: the same numbers and gradients as PyTorch's, with derivatives of both kinds."""

import pytest
import torch
from torch import nn
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual
from torch.nn import functional as F

from reweigh.alignment.unfused import Unfused


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def value_and_gradients(call, *inputs):
    leaves = [x.clone().requires_grad_() for x in inputs]
    value = call(*leaves)
    grads = torch.autograd.grad(value, leaves, normal(*value.shape, seed=9), allow_unused=True)
    return value.detach(), [g.to_dense() if g is not None else None for g in grads]


def agrees(call, *inputs):
    """Value and gradients are PyTorch's; the tangent is their slope, and a second derivative exists."""
    expected = value_and_gradients(call, *inputs)
    for forward_mode in (False, True):
        with Unfused(forward_mode=forward_mode):
            found = value_and_gradients(call, *inputs)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    vs, h = [normal(*x.shape, seed=20 + i) for i, x in enumerate(inputs)], 1e-6
    with dual_level(), Unfused(forward_mode=True):
        tangent = unpack_dual(call(*map(make_dual, inputs, vs))).tangent
    ahead, behind = (call(*[x + s * h * v for x, v in zip(inputs, vs, strict=True)]) for s in (1, -1))
    torch.testing.assert_close(tangent, (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-6)
    with Unfused():
        leaves = [x.clone().requires_grad_() for x in inputs]
        value = call(*leaves)
        c = torch.ones_like(value, requires_grad=True)
        first = torch.autograd.grad(value, leaves, c, create_graph=True)
        (second,) = torch.autograd.grad(first, c, vs)
    torch.testing.assert_close(second, tangent, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -2])
def test_weight_norm(dim):
    v = normal(4, 3, 5) + 0.1
    g = normal(*[n if axis == dim % 3 else 1 for axis, n in enumerate(v.shape)], seed=1)
    if dim == -1:  # means "over all of it" to PyTorch
        g = normal(seed=1).view(())
    agrees(lambda v, g: torch._weight_norm(v, g, dim), v, g)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_layers(dim):
    layer = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4).double(), dim=dim)
    expected = layer(normal(2, 3))
    with Unfused():
        torch.testing.assert_close(layer(normal(2, 3)), expected, rtol=1e-12, atol=1e-12)


TABLE = normal(7, 3)
FLAT = torch.tensor([0, 3, 3, 6, 2, 5, 1, 3])
GRID = FLAT.view(4, 2)
BAGS = {
    "grid": (GRID, {}),
    "grid padded": (GRID, {"padding_idx": 3}),
    "grid padded from behind": (GRID, {"padding_idx": -4}),
    "offsets": (FLAT, {"offsets": torch.tensor([0, 2, 5])}),
    "one bag": (FLAT, {"offsets": torch.tensor([0])}),
    "last offset": (FLAT, {"offsets": torch.tensor([0, 2, 5, 8]), "include_last_offset": True}),
    "empty bags": (FLAT, {"offsets": torch.tensor([0, 0, 2, 2, 2, 5, 8])}),
    "empty bags and last offset": (FLAT, {"offsets": torch.tensor([0, 0, 5, 5, 8]), "include_last_offset": True}),
    "offsets padded": (FLAT, {"offsets": torch.tensor([0, 1, 3, 4]), "padding_idx": 3}),
    "a bag of padding": (FLAT, {"offsets": torch.tensor([0, 1, 3]), "padding_idx": 3}),
    "32 bit": (FLAT.int(), {"offsets": torch.tensor([0, 2, 5], dtype=torch.int32)}),
    "sparse": (FLAT, {"offsets": torch.tensor([0, 2, 5]), "sparse": True}),
    "last offset short of the end": (FLAT, {"offsets": torch.tensor([0, 2, 5]), "include_last_offset": True}),
    "no bag": (FLAT[:0], {"offsets": torch.tensor([], dtype=torch.int64)}),
}


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize("name", BAGS)
def test_bags_of_embeddings(name, mode):
    index, how = BAGS[name]
    expected = value_and_gradients(lambda w: F.embedding_bag(index, w, mode=mode, **how), TABLE)
    with Unfused():
        found = value_and_gradients(lambda w: F.embedding_bag(index, w, mode=mode, **how), TABLE)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize("name", ["grid", "offsets", "empty bags", "last offset"])
def test_bags_of_embeddings_have_both_derivatives(name, mode):
    index, how = BAGS[name]
    agrees(lambda w: F.embedding_bag(index, w, mode=mode, **how), TABLE)


@pytest.mark.parametrize("name", ["grid", "grid padded", "offsets", "empty bags", "offsets padded", "last offset"])
def test_weighted_bags(name):
    index, how = BAGS[name]
    weights = normal(*index.shape, seed=3)
    expected = value_and_gradients(
        lambda w: F.embedding_bag(index, w, mode="sum", per_sample_weights=weights, **how), TABLE
    )
    with Unfused():
        found = value_and_gradients(
            lambda w: F.embedding_bag(index, w, mode="sum", per_sample_weights=weights, **how), TABLE
        )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["grid", "offsets"])
def test_weights_of_bags_have_gradients(name):
    index, how = BAGS[name]
    agrees(lambda w, s: F.embedding_bag(index, w, mode="sum", per_sample_weights=s, **how), TABLE, normal(*index.shape))


@pytest.mark.parametrize("how", [{"mode": "max"}, {"max_norm": 0.5}, {"scale_grad_by_freq": True}])
def test_bags_that_are_left_to_pytorch(how):
    own, twin = (nn.EmbeddingBag(7, 3, **how).double() for _ in range(2))
    own.load_state_dict({"weight": TABLE})
    twin.load_state_dict({"weight": TABLE})
    with Unfused():
        found = own(GRID)
    torch.testing.assert_close(found, twin(GRID), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(own.weight, twin.weight)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN, lambda *n, **k: nn.RNN(*n, nonlinearity="relu", **k)])
def test_recurrent_layers(kind):
    """The same numbers; and a dual number comes through, which PyTorch's fused kernels do not let it."""
    rnn, x, v, h = kind(3, 4, batch_first=True).double(), normal(2, 5, 3), normal(2, 5, 3, seed=1), 1e-6
    with Unfused():
        torch.testing.assert_close(rnn(x)[0], rnn(x)[0])
    with dual_level(), Unfused(forward_mode=True):
        value, tangent = unpack_dual(rnn(make_dual(x, v))[0])
    torch.testing.assert_close(value, rnn(x)[0], rtol=1e-12, atol=1e-12)
    slope = (rnn(x + h * v)[0] - rnn(x - h * v)[0]) / (2 * h)
    torch.testing.assert_close(tangent.detach(), slope.detach(), rtol=1e-6, atol=1e-7)


def settings():
    return (
        torch.backends.mkldnn.enabled,
        torch.backends.cudnn.enabled,
        torch.backends.mha.get_fastpath_enabled(),
        torch.backends.cuda.flash_sdp_enabled(),
        torch.backends.cuda.mem_efficient_sdp_enabled(),
        torch.backends.cuda.math_sdp_enabled(),
    )


def _raise_after(call):
    assert not torch.backends.mha.get_fastpath_enabled()
    call()
    raise KeyError


@pytest.mark.parametrize("fastpath", [True, False])
def test_the_process_is_afterwards_as_it_was(fastpath):
    usual = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(fastpath)
    try:
        before = settings()
        with pytest.raises(KeyError), Unfused():
            _raise_after(lambda: nn.LSTM(2, 2)(torch.zeros(1, 1, 2)))
        assert settings() == before
    finally:
        torch.backends.mha.set_fastpath_enabled(usual)


def test_no_grad_stops_tangents_in_forward_mode():
    x = normal(3)

    def call(dual):
        with torch.no_grad():
            constant = torch.sin(dual)
        return constant * dual

    with dual_level(), torch.enable_grad():
        dual = make_dual(x, torch.ones(3).double())
        with Unfused(forward_mode=True):
            stopped = unpack_dual(call(dual)).tangent
        with Unfused():
            through = unpack_dual(call(dual)).tangent
    torch.testing.assert_close(stopped, x.sin())
    torch.testing.assert_close(through, x.sin() + x * x.cos())


def test_no_grad_stops_tangents_of_written_out_operations_too():
    with dual_level(), Unfused(forward_mode=True):
        dual = make_dual(TABLE, TABLE)
        with torch.no_grad():
            assert unpack_dual(F.embedding_bag(GRID, dual)).tangent is None
            assert unpack_dual(F.relu(dual)).tangent is None
        assert unpack_dual(F.relu(dual)).tangent is not None
