"""Our own forward rules: value, tangent and the value's gradient are PyTorch's, and the tangent keeps no graph.

The reference is plain PyTorch in float64: the value by calling the function, the tangent by a central difference of it,
the gradient by its backward pass.
"""

import itertools

import pytest
import torch
from torch import Tensor
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual
from torch.nn import functional as F

from reweigh.alignment.tangents import RULES, cut_off
from reweigh.alignment.unfused import Unfused


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(hash((shape, seed)) % 2**31)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def by_the_rules(call, inputs, tangents, graph=False):
    """Value, tangent and gradients of a function of float64 leaves within `Unfused`, as an engine's shared pass has it."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    with dual_level(), Unfused(forward_mode=True):
        duals = [x if v is None else make_dual(x, v) for x, v in zip(leaves, tangents, strict=True)]
        value, tangent = unpack_dual(call(*duals))
    assert graph or tangent is None or not tangent.requires_grad
    cotangent = normal(*value.shape, seed=9)
    return value.detach(), tangent, torch.autograd.grad(value, leaves, cotangent, allow_unused=True)


def by_pytorch(call, inputs, tangents, h=1e-6):
    leaves = [x.clone().requires_grad_() for x in inputs]
    value = call(*leaves)
    with torch.no_grad():
        ahead, behind = (
            call(*[x if v is None else x + s * h * v for x, v in zip(inputs, tangents, strict=True)]) for s in (1, -1)
        )
    cotangent = normal(*value.shape, seed=9)
    grads = torch.autograd.grad(value, leaves, cotangent, allow_unused=True)
    return value.detach(), (ahead - behind) / (2 * h), grads


def agrees(call, *inputs, graph=False):
    """For every choice of inputs that carry a tangent. It keeps no graph if the first does, unless `graph` allows it."""
    vs = [normal(*x.shape, seed=5 + i) for i, x in enumerate(inputs)]
    choices = [chosen for chosen in itertools.product([True, False], repeat=len(inputs)) if any(chosen)]
    for chosen in choices:
        tangents = [v if c else None for v, c in zip(vs, chosen, strict=True)]
        value, tangent, grads = by_the_rules(call, inputs, tangents, graph or not chosen[0])
        expected_value, expected, expected_grads = by_pytorch(call, inputs, tangents)
        told = f"tangents of inputs {chosen}"
        torch.testing.assert_close(value, expected_value, rtol=1e-12, atol=1e-12, msg=lambda m, t=told: f"{t}: {m}")
        found = torch.zeros_like(value) if tangent is None else tangent
        torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-7, msg=lambda m, t=told: f"{t}: {m}")
        torch.testing.assert_close(grads, expected_grads, rtol=1e-10, atol=1e-12, msg=lambda m, t=told: f"{t}: {m}")


class Ran:
    """Counts the calls of one rule."""

    def __init__(self, monkeypatch, function):
        rule, self.times = RULES[function], 0

        def counted(*args, **kwargs):
            self.times += 1
            return rule(*args, **kwargs)

        monkeypatch.setitem(RULES, function, counted)


@pytest.mark.parametrize("shape", [(5, 3), (3,), (2, 4, 3)])
def test_linear(shape, monkeypatch):
    ran = Ran(monkeypatch, F.linear)
    agrees(F.linear, normal(*shape), normal(4, 3), normal(4))
    agrees(F.linear, normal(*shape), normal(4, 3))
    assert ran.times == 7 + 3


CONVOLUTIONS = {
    "plain": {},
    "stride": {"stride": 2},
    "padding": {"padding": 1},
    "same": {"padding": "same", "dilation": 2},
    "valid": {"padding": "valid"},
    "dilation": {"dilation": 2},
    "groups": {"groups": 2},
    "all": {"stride": 2, "padding": 2, "dilation": 2, "groups": 2},
}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_convolutions(dims, name, bias, monkeypatch):
    function, how = (F.conv1d, F.conv2d, F.conv3d)[dims - 1], CONVOLUTIONS[name]
    ran = Ran(monkeypatch, function)
    groups = how.get("groups", 1)
    inputs = [normal(2, 4, *[6] * dims), normal(6, 4 // groups, *[3] * dims), *([normal(6)] if bias else [])]
    agrees(lambda x, w, b=None: function(x, w, b, **how), *inputs)
    assert ran.times == 2 ** len(inputs) - 1


def test_a_convolution_by_position_with_a_pair_for_stride():
    agrees(lambda x, w, b: F.conv2d(x, w, b, (2, 1), (0, 1)), normal(2, 3, 5, 6), normal(4, 3, 3, 3), normal(4))


@pytest.mark.parametrize("call", [F.relu, torch.relu, Tensor.relu])
def test_relu(call):
    agrees(call, normal(4, 5))


def test_relu_at_zero_has_tangent_zero_as_its_gradient():
    _, tangent, (grad,) = by_the_rules(F.relu, [torch.zeros(2).double()], [torch.ones(2).double()])
    assert tangent.tolist() == [0.0, 0.0]
    assert grad.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("call", [F.relu, F.silu, F.elu, F.leaky_relu, F.hardswish])
def test_in_place(call):
    """On an intermediate tensor, as models do it; what is read later is the changed tensor."""

    def changed(x):
        y = x * 2
        call(y, inplace=True)
        return y

    agrees(changed, normal(4, 5), graph=True)


def test_relu_in_place_as_a_method():
    agrees(lambda x: (x * 2).relu_(), normal(4, 5), graph=True)


ELEMENTWISE = {
    "silu": F.silu,
    "elu": F.elu,
    "elu alpha": lambda x: F.elu(x, 0.3),
    "elu alpha by name": lambda x: F.elu(x, alpha=0.3),
    "leaky relu": lambda x: F.leaky_relu(x, 0.2),
    "leaky relu by name": lambda x: F.leaky_relu(x, negative_slope=0.2),
    "hardswish": F.hardswish,
    "softplus": lambda x: F.softplus(x, beta=2.0, threshold=3.0),
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "tanh method": Tensor.tanh,
    "gelu": F.gelu,
    "gelu none": lambda x: F.gelu(x, approximate="none"),
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_functions_of_each_number(name):
    agrees(ELEMENTWISE[name], 2 * normal(6, 5))


@pytest.mark.parametrize("function", RULES)
def test_every_rule_is_the_function_itself_without_tangents(function):
    """Constants go through a rule untouched: no tangent appears, and the number is PyTorch's."""
    x = (
        normal(2, 3, 6, 6, 6)
        if function is F.conv3d
        else normal(2, 3, 6, 6)
        if function is F.conv2d
        else normal(2, 3, 6)
    )
    extra = {
        F.linear: (normal(4, 6),),
        F.conv1d: (normal(4, 3, 3),),
        F.conv2d: (normal(4, 3, 3, 3),),
        F.conv3d: (normal(4, 3, 3, 3, 3),),
        F.batch_norm: (None, None, None, None, True),
        F.layer_norm: ((6,),),
        torch.add: (x,),
        Tensor.add: (x,),
        F.scaled_dot_product_attention: (normal(2, 3, 6), normal(2, 3, 6)),
    }.get(function, ())
    first = torch.tensor([1, 0]) if function is F.embedding else x
    extra = (normal(3, 2), 0) if function is F.embedding else extra
    with dual_level(), Unfused(forward_mode=True):
        value, tangent = unpack_dual(function(first, *extra))
    assert tangent is None
    torch.testing.assert_close(value, function(first, *extra), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("affine", ["both", "weight", "bias", "neither"])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (3, 3, 2, 4), (2, 3, 2, 2, 2)])
def test_batch_norm_by_the_batchs_statistics(shape, affine, running):
    def call(x, *wb):
        w = wb[0] if affine in ("both", "weight") else None
        b = wb[-1] if affine in ("both", "bias") else None
        statistics = (torch.zeros(3).double(), torch.ones(3).double()) if running else (None, None)
        return F.batch_norm(x, *statistics, w, b, training=True, eps=1e-3)

    parameters = {"both": 2, "weight": 1, "bias": 1, "neither": 0}[affine]
    agrees(call, normal(*shape) + 0.5, *[normal(3, seed=i) for i in range(parameters)])


@pytest.mark.parametrize("momentum", [0.1, 0.7])
def test_batch_norm_moves_its_running_statistics_as_pytorch_does(momentum):
    x, w, b = normal(4, 3, 5) + 1, normal(3), normal(3, seed=1)
    found, expected = ([torch.zeros(3).double(), torch.ones(3).double()] for _ in range(2))
    F.batch_norm(x, *expected, w, b, True, momentum)
    by_the_rules(lambda x, w, b: F.batch_norm(x, *found, w, b, True, momentum), [x, w, b], [x, w, b])
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert not torch.equal(found[0], torch.zeros(3).double())


def test_batch_norm_by_its_running_statistics():
    mean, var = normal(3), normal(3, seed=1).square() + 0.5
    inputs = normal(4, 3, 2), normal(3, seed=2), normal(3, seed=3)
    agrees(lambda x, w, b: F.batch_norm(x, mean, var, w, b), *inputs, graph=True)


@pytest.mark.parametrize("function", [F.batch_norm, F.layer_norm])
def test_norms_of_tensors_that_are_not_contiguous(function):
    if function is F.batch_norm:
        agrees(lambda x, w: F.batch_norm(x.mT, None, None, w, training=True), normal(4, 5, 3), normal(3))
    else:
        agrees(lambda x, w: F.layer_norm(x.mT, (3,), w), normal(2, 3, 4), normal(3))


@pytest.mark.parametrize("affine", ["both", "weight", "bias", "neither"])
@pytest.mark.parametrize("over", [1, 2])
def test_layer_norm(over, affine):
    shape = (4, 5)[-over:]

    def call(x, *wb):
        w = wb[0] if affine in ("both", "weight") else None
        b = wb[-1] if affine in ("both", "bias") else None
        return F.layer_norm(x, shape, w, b, 1e-3)

    parameters = {"both": 2, "weight": 1, "bias": 1, "neither": 0}[affine]
    agrees(call, normal(3, 4, 5) + 0.5, *[normal(*shape, seed=i) for i in range(parameters)])


@pytest.mark.parametrize("padding", [None, 0, 3, -1])
def test_embedding(padding):
    """PyTorch holds the padding row constant in its backward pass, so the difference is taken with that row at rest."""
    index = torch.tensor([[0, 3, 1], [5, 3, 2]])
    table, v = normal(6, 4), normal(6, 4, seed=1)
    value, tangent, (grad,) = by_the_rules(lambda w: F.embedding(index, w, padding), [table], [v])
    moved = v.clone()
    if padding is not None:
        moved[padding] = 0.0
    expected_value, expected, (expected_grad,) = by_pytorch(lambda w: F.embedding(index, w, padding), [table], [moved])
    assert torch.equal(value, expected_value)
    torch.testing.assert_close(tangent, expected, rtol=1e-7, atol=1e-7)
    assert torch.equal(grad, expected_grad)
    torch.testing.assert_close((tangent * normal(2, 3, 4, seed=9)).sum(), (grad * v).sum())  # the adjoint identity


def masks():
    boolean = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) > 0.4
    boolean[:, 0] = True
    nowhere = boolean.clone()
    nowhere[2] = False  # a row that may look at nothing
    additive = normal(5, 7)
    return {
        "none": {},
        "boolean": {"attn_mask": boolean},
        "boolean for each": {
            "attn_mask": torch.stack([boolean, boolean.roll(1, 0)]).unsqueeze(1) | (torch.arange(7) == 0)
        },
        "fully masked row": {"attn_mask": nowhere},
        "additive": {"attn_mask": additive},
        "additive infinite": {"attn_mask": additive.masked_fill(~boolean, float("-inf"))},
        "causal": {"is_causal": True},
        "scale": {"scale": 0.3},
        "causal and scale": {"is_causal": True, "scale": 1.7},
    }


@pytest.mark.parametrize("name", masks())
def test_attention(name, monkeypatch):
    ran = Ran(monkeypatch, F.scaled_dot_product_attention)
    how = masks()[name]
    q, k, v = normal(2, 3, 5, 4), normal(2, 3, 7, 4), normal(2, 3, 7, 6)
    agrees(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **how), q, k, v)
    assert ran.times == 7


def test_attention_of_which_all_rows_attend_to_nothing_is_zero_and_still():
    q, k, v = normal(1, 2, 4), normal(1, 3, 4), normal(1, 3, 4, seed=1)
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    value, tangent, _ = by_the_rules(
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, nothing), [q, k, v], [q, k, v]
    )
    assert not bool(value.any())
    assert not bool(tangent.any())


def test_attention_with_a_mask_that_carries_a_tangent():
    """A learned bias on the scores (ALiBi, relative positions) is an additive mask with a gradient."""
    q, k, v, bias = normal(2, 5, 4), normal(2, 7, 4), normal(2, 7, 4, seed=1), normal(5, 7)
    agrees(lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m), q, k, v, bias)


def test_grouped_queries():
    q, k, v = normal(2, 4, 5, 3), normal(2, 2, 5, 3), normal(2, 2, 5, 3, seed=1)
    agrees(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True), q, k, v, graph=True)


def test_attention_on_three_dimensions_and_broadcast_batches():
    agrees(F.scaled_dot_product_attention, normal(2, 5, 4), normal(2, 7, 4), normal(2, 7, 4, seed=1))


def test_everything_in_one_row_keeps_no_graph_of_tangents():
    def call(x, w, k):
        y = F.layer_norm(F.gelu(F.linear(x, w)), (4,))
        y = F.scaled_dot_product_attention(y, y * k, y.exp()) + y.softmax(-1)
        return F.silu(y).cumsum(0).view(-1)[::2]

    agrees(call, normal(3, 5), normal(4, 5), normal(4))


LEFT_TO_PYTORCH = {
    "batch norm of a constant": lambda x, w: F.batch_norm(x.detach(), None, None, w, training=True),
    "batch norm by running statistics": lambda x, w: F.batch_norm(
        x, torch.zeros(4).double(), torch.ones(4).double(), w
    ),
    "layer norm of a constant": lambda x, w: F.layer_norm(x.detach(), (4,), w),
    "grouped queries": lambda x, w: F.scaled_dot_product_attention(x * w, x[:, :2], x[:, :2], enable_gqa=True),
    "no rule of its own": lambda x, w: x.softmax(-1) * w,
}


@pytest.mark.parametrize("name", LEFT_TO_PYTORCH)
def test_what_is_left_to_pytorch_keeps_no_graph_of_its_tangent(name):
    x, w = normal(2, 4, 4, 4), normal(4)
    _, tangent, _ = by_the_rules(LEFT_TO_PYTORCH[name], [x, w], [normal(2, 4, 4, 4, seed=1), normal(4, seed=1)])
    assert bool(tangent.any())


def test_cut_off_keeps_values_and_their_graph():
    x, w = normal(3), normal(3, seed=1).requires_grad_()
    with dual_level():
        dual = make_dual(x, torch.ones(3).double()) * w
        assert unpack_dual(dual).tangent.requires_grad
        (found, same), number = cut_off(([dual, x], 7), [])
        value, tangent = unpack_dual(found)
        assert torch.equal(value, x * w)
        assert value.requires_grad
        assert torch.equal(tangent, w)
        assert not tangent.requires_grad
        assert (same is x, number) == (True, 7)
        assert cut_off(dual, [dual]) is dual  # changed in place: another view of it may be waiting
        named = torch.max(dual.view(3, 1), 1)
        assert cut_off(named, []) is named
        constant = x * w
        assert cut_off(constant, []) is constant


SUMS = {
    "sign": lambda x, z: (x * 1) + z,
    "function": lambda x, z: torch.add(x, z),
    "twice the second": lambda x, z: torch.add(x, z, alpha=2),
    "broadcast": lambda x, z: x + z[0],
    "a number": lambda x, z: 3 + (x + 1) * z,
    "in place afterwards": lambda x, z: (x + z).mul_(2).add_(z),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums(name):
    agrees(SUMS[name], normal(3, 4), normal(3, 4, seed=1), graph=True)


def test_what_is_saved_of_a_residual_block_does_not_hold_its_tangent():
    """The next layer saves the block's sum for its backward pass; held tangents would double the memory of activations."""
    x, w = normal(6, 4).requires_grad_(), normal(4, 4, seed=1).requires_grad_()
    with dual_level(), torch.enable_grad(), Unfused(forward_mode=True):
        h = F.linear(make_dual(x, normal(6, 4, seed=2)), w)
        total = h + F.relu(h)
        tangent = unpack_dual(total).tangent.untyped_storage()
        held = tangent._weak_ref()
        y = F.linear(total, w)
        del h, total, tangent
        assert torch.UntypedStorage._expired(held)
    assert torch.autograd.grad(y.sum(), x)[0].any()
