"""Each private name of PyTorch that the package uses does what the package believes; no other is used."""

import re
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.autograd.forward_ad import dual_level, make_dual, unpack_dual
from torch.overrides import TorchFunctionMode

import reweigh
from reweigh import _torch

PRIVATE = re.compile(
    r"\btorch\.(\w+\.)*_[a-zA-Z]\w*|\bforward_ad\._|import _[a-z]|torch\.\w+(\.\w+)* import _|eval_frame"
)
ALLOWED = re.compile(
    r"reweigh(\.\w+)* import _|from reweigh\._|aten\._softmax_backward_data"
)  # an operator, by its name


def test_no_private_name_is_used_elsewhere():
    found = []
    for path in Path(reweigh.__file__).parent.rglob("*.py"):
        if path.name != "_torch.py":
            lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
            found += [f"{path.name}:{n}: {t.strip()}" for n, t in lines if PRIVATE.search(t) and not ALLOWED.search(t)]
    assert found == []


def test_set_grad():
    assert torch.is_grad_enabled()
    _torch.set_grad(False)
    assert not torch.is_grad_enabled()
    _torch.set_grad(True)
    assert torch.is_grad_enabled()


def tangent_of_a_product():
    with dual_level():
        return unpack_dual(make_dual(torch.ones(2), torch.ones(2)) * 3).tangent


def test_forward_grad_can_be_switched_off():
    assert _torch.forward_grad_enabled()
    assert tangent_of_a_product().tolist() == [3, 3]
    _torch.set_forward_grad(False)
    assert not _torch.forward_grad_enabled()
    assert tangent_of_a_product() is None
    _torch.set_forward_grad(True)
    assert _torch.forward_grad_enabled()


def test_without_forward_grad():
    with _torch.without_forward_grad():
        assert tangent_of_a_product() is None
    assert tangent_of_a_product() is not None


def test_dual_levels_are_known_and_can_be_closed():
    assert _torch.dual_level() == -1
    level = dual_level()
    level.__enter__()
    assert _torch.dual_level() == 0
    _torch.set_dual_level(-1)
    assert _torch.dual_level() == -1
    assert tangent_of_a_product().tolist() == [3, 3]


def test_dual_numbers_are_those_of_forward_ad():
    x, v = torch.randn(3, requires_grad=True), torch.randn(3)
    with dual_level():
        theirs, ours = make_dual(x, v), _torch.dual(x, v)
        assert torch.equal(unpack_dual(ours).tangent, v)
        value, tangent = _torch.unpacked(theirs)
        assert torch.equal(value, x)
        assert torch.equal(tangent, v)
        (value.sum() * 2).backward()  # the value keeps its graph
        assert x.grad.tolist() == [2, 2, 2]
        y = _torch.unpacked(torch.sin(ours))
        assert torch.equal(y[1], torch.cos(x) * v)
        plain, nothing = _torch.unpacked(x)
        assert torch.equal(plain, x)
        assert nothing is None


class Mode(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def test_function_modes_are_known_and_can_be_set():
    one, other = Mode(), Mode()
    assert _torch.function_modes() == ()
    with one:
        assert _torch.function_modes() == (one,)
        _torch.set_function_modes((one, other))
        assert _torch.function_modes() == (one, other)
        _torch.set_function_modes((one,))
    assert _torch.function_modes() == ()


def test_every_switch_can_be_turned_and_read():
    math, fused = _torch.attention_switches()
    assert len(fused) >= 3
    for read, turn in (math, *fused, *_torch.layer_switches()):
        before = read()
        turn(not before)
        assert read() is not before
        turn(before)
        assert read() is before


def test_attention_follows_its_switches():
    math, fused = _torch.attention_switches()
    q = torch.randn(1, 1, 3, 4)
    for _, turn in fused:
        turn(False)
    try:
        with dual_level():  # the plain operations alone have a forward mode
            out = nn.functional.scaled_dot_product_attention(make_dual(q, q), q, q)
            assert unpack_dual(out).tangent is not None
    finally:
        for _, turn in fused:
            turn(True)
    assert math[0]()


def test_hooks_of_saved_tensors_are_seen():
    if not hasattr(torch._C._autograd, "_top_saved_tensors_default_hooks"):
        assert _torch.saves_by_hooks()
        return
    assert not _torch.saves_by_hooks()
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        assert _torch.saves_by_hooks()


def test_a_transform_is_seen():
    seen = []
    assert not _torch.transformed()
    torch.func.vmap(lambda x: seen.append(_torch.transformed()) or x)(torch.ones(2))
    assert seen == [True]


def test_compiled_modules_and_functions_are_known():
    net = nn.Sequential(nn.Linear(1, 1))
    assert not _torch.runs_compiled(net.modules())
    wrapper = torch.compile(net, backend="eager")
    assert _torch.inside_compiled(wrapper) is net
    assert _torch.inside_compiled(net) is None
    assert _torch.runs_compiled(wrapper.modules())
    net[0].compile(backend="eager")
    assert _torch.runs_compiled(net.modules())


def test_a_compiled_function_tells_what_it_was():
    def loss(x):
        return x

    assert _torch.before_compiling(torch.compile(loss, backend="eager")) is loss
    assert _torch.before_compiling(loss) is loss


def test_the_compilers_stance_is_put_back():
    def traced(x):
        return x + int(torch.compiler.is_compiling())

    compiled = torch.compile(traced, backend="eager")
    put_back = _torch.compile_stance()
    torch.compiler.set_stance("force_eager")
    assert compiled(torch.zeros(1)) == 0
    put_back()
    assert compiled(torch.zeros(1)) == 1


@pytest.mark.parametrize("dtype", [None, torch.float64])
def test_norms(dtype):
    found = _torch.norms([torch.tensor([3.0, 4.0]), torch.full((2, 2), 1e30)], dtype)
    assert found[0] == 5
    assert torch.isinf(found[1]) == (dtype is None)


def test_tensors_are_written_and_added_each():
    places = [torch.zeros(2), torch.zeros(1)]
    _torch.copy_each(places, [torch.tensor([1.0, 2.0]), torch.ones(1)])
    _torch.add_each(places, [torch.ones(2), torch.ones(1)], -2.0)
    assert [t.tolist() for t in places] == [[-1, 0], [-1]]


def test_versions_count_changes_in_place():
    one, other = torch.zeros(1), torch.zeros(1)
    before = _torch.versions([one, other])
    one.add_(1)
    assert _torch.versions([one, other]) == [before[0] + 1, before[1]]
    with _torch.keeping_version(one):
        one.add_(1)
    assert _torch.versions([one]) == [before[0] + 1]
    assert one.item() == 2


def test_recurrent_layers_compute_with_their_second_list():
    rnn = nn.RNN(2, 2)
    weights, references = _torch.flat_weights(rnn)
    x = torch.ones(1, 1, 2)
    before = rnn(x)[0]
    assert [id(w) for w in weights] == [id(w) for w in rnn._parameters.values()]
    assert [ref() is w for ref, w in zip(references, weights, strict=True)] == [True] * 4
    zeros, own = [torch.zeros_like(w) for w in weights], dict(rnn._parameters)
    rnn._parameters.update(zip(own, zeros, strict=True))
    _torch.set_flat_weights(rnn, zeros, [weakref.ref(w) for w in zeros])
    assert not rnn(x)[0].any()
    assert all(now is zero for now, zero in zip(_torch.flat_weights(rnn)[0], zeros, strict=True))
    rnn._parameters.update(own)
    _torch.set_flat_weights(rnn, weights, references)
    assert torch.equal(rnn(x)[0], before)


class Seen(TorchFunctionMode):
    def __init__(self):
        super().__init__()
        self.functions = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.functions.append(func)
        return func(*args, **(kwargs or {}))


@pytest.mark.filterwarnings("ignore")
def test_weight_norm_is_called_by_its_name():
    layer = nn.utils.weight_norm(nn.Linear(2, 2))
    with Seen() as seen:
        layer(torch.ones(1, 2))
    assert _torch.weight_norm() in seen.functions


def test_packing_is_called_by_its_name():
    with Seen() as seen:
        nn.utils.rnn.pack_padded_sequence(torch.ones(2, 3, 1), torch.tensor([3, 2]), batch_first=True)
    assert _torch.pack_padded_sequence() in seen.functions


def test_trees_are_taken_apart_and_put_together():
    tree = {"a": (torch.ones(1), [2]), "b": "word"}
    flat, spec = _torch.tree_flatten(tree)
    assert [type(leaf) for leaf in flat] == [torch.Tensor, int, str]
    assert _torch.tree_unflatten(flat, spec) == tree
    assert _torch.tree_map(lambda leaf: leaf if isinstance(leaf, str) else leaf + 1, tree)["a"][1] == [3]


def test_modules_hold_their_parts_in_dictionaries():
    net = nn.BatchNorm1d(2)
    held = net._modules, net._parameters, net._buffers, net._forward_hooks, net._forward_pre_hooks
    assert all(isinstance(one, dict) for one in held)
    assert net._parameters["weight"] is net.weight
    assert net._compiled_call_impl is None


def test_gradient_edge():
    """It is asked when the tensor is gone: before PyTorch 2.7 the node of a custom function would be gone as well."""

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    x = torch.ones(3, requires_grad=True)
    edges = [_torch.gradient_edge(Double.apply(x)), _torch.gradient_edge(3 * x)]
    assert [torch.autograd.grad(edge, x, torch.ones(3))[0].tolist() for edge in edges] == [[2.0] * 3, [3.0] * 3]


@pytest.fixture
def spread():
    """A model under `fully_shard` in a group of one after a forward pass, which leaves the outermost parameters gathered."""
    from torch.distributed.fsdp import fully_shard

    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 2))
    for part in (model[0], model):
        fully_shard(part)
    model(torch.ones(1, 2))
    return model


def test_shards_are_settled(spread):
    assert not hasattr(spread[1].weight, "device_mesh")
    gathered = spread[1].weight
    (record,) = [one for one in _torch.shard_records([spread]) if _torch.gathered_for(one) is gathered]
    _torch.settle_shards([spread, spread[0]])
    assert spread[1].weight is record.sharded_param
    assert hasattr(spread[1].weight, "device_mesh")
    assert (record.is_dtensor, record.offload_to_cpu) == (False, False)
    assert len(_torch.shard_records([spread, spread[0]])) == 4


def test_a_pass_as_if_it_were_the_first(spread):
    spread.set_requires_gradient_sync(False)
    spread.set_is_last_backward(False)
    wanted = _torch.as_if_first([spread, spread[0]])
    found = {(name, getattr(owner, name) is value) for owner, name, value in wanted}
    for name in ("reduce_grads", "all_reduce_grads", "is_last_backward"):  # what the public switches above have changed
        assert (name, False) in found
    for name in ("gradient_divide_factor", "unsharded_accumulated_grad", "grad"):
        assert (name, True) in found
    spread.set_gradient_divide_factor(3.0)
    assert ("gradient_divide_factor", 3.0) in [(name, getattr(owner, name)) for owner, name, _ in wanted]


def test_a_backward_pass_that_gathers_nothing(spread):
    wanted = _torch.not_gathered_again([spread, spread[0]])
    assert [(name, value, getattr(owner, name)) for owner, name, value in wanted] == [
        ("unshard_in_backward", False, True)
    ] * 2


def test_below_autograd():
    x = torch.ones(2, requires_grad=True)
    with _torch.below_autograd():
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with torch.autocast("cpu", torch.bfloat16):
        a = torch.ones(2, 2)
        with _torch.below_autograd():
            assert (a @ a).dtype is torch.float32
        with _torch.without_autocast():
            assert (a @ a).dtype is torch.float32
        assert (a @ a).dtype is torch.bfloat16


def test_kernel_of():
    assert torch.equal(_torch.kernel_of(torch.ops.aten.add.Tensor)(torch.ones(2), torch.ones(2)), torch.full((2,), 2.0))


def test_storage_of():
    x = torch.ones(4)
    assert _torch.storage_of(x) == _torch.storage_of(x[1:]) != _torch.storage_of(x.clone())
    sparse = x.to_sparse()
    assert _torch.storage_of(sparse) < 0


def test_leave_dispatch_mode():
    class Seen(_torch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    seen, mode = [], Seen()
    _torch.leave_dispatch_mode(mode)
    mode.__enter__()
    torch.ones(2)
    assert len(seen) == 1
    _torch.leave_dispatch_mode(mode)
    torch.ones(2)
    assert len(seen) == 1


def test_compiling():
    assert not _torch.compiling()
    _torch.set_compiling(True)
    assert torch.compiler.is_compiling()
    assert _torch.compiling()
    _torch.set_compiling(False)
    assert not torch.compiler.is_compiling()
