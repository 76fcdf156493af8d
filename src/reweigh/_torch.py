"""Every private name of PyTorch that the package uses, in one place; `tests/test_torch_private.py` asks each.

What a module keeps of its parts (`_modules`, `_parameters`, `_buffers`, its dictionaries of hooks) is as old as PyTorch, and
is read where it is needed. `Tensor._version` likewise, for a single tensor.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.overrides import _get_current_function_mode_stack, _pop_mode, _push_mode
from torch.utils._python_dispatch import TorchDispatchMode as TorchDispatchMode
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch.utils._pytree import tree_flatten as tree_flatten
from torch.utils._pytree import tree_map as tree_map
from torch.utils._pytree import tree_unflatten as tree_unflatten

Switch = tuple[Callable[[], bool], Callable[[bool], None]]
"""How a switch stands, and what turns it."""

# Gradient mode, forward mode, and its level


def set_grad(on: bool) -> None:
    """Record graphs or not, from now on."""
    torch._C._set_grad_enabled(on)


def forward_grad_enabled() -> bool:
    """Whether dual numbers are followed."""
    return torch._C._is_fwd_grad_enabled()


def set_forward_grad(on: bool) -> None:
    """Follow dual numbers or not, from now on."""
    torch._C._set_fwd_grad_enabled(on)


def without_forward_grad() -> Any:
    """A context manager within which dual numbers are not followed."""
    return forward_ad._set_fwd_grad_enabled(False)


def dual_level() -> int:
    """The innermost open level of dual numbers; -1 where there is none."""
    return forward_ad._current_level


def set_dual_level(level: int) -> None:
    """Close what is open above; an interrupt can come between what PyTorch does in C++ and what it notes of it in Python."""
    for opened in range(level + 2, level, -1):
        try:
            torch._C._exit_dual_level(level=opened)
        except RuntimeError:  # it is not open
            continue
    forward_ad._current_level = level


# Function modes


def function_modes() -> tuple[Any, ...]:
    """Those at work, the outermost first."""
    return tuple(_get_current_function_mode_stack()) if torch._C._len_torch_function_stack() else ()


def set_function_modes(modes: Sequence[Any]) -> None:
    """Let these be at work, and no others."""
    while True:
        now = _get_current_function_mode_stack()
        if len(now) <= len(modes) and all(one is other for one, other in zip(now, modes, strict=False)):
            break
        _pop_mode()
    for mode in modes[len(now) :]:
        _push_mode(mode)


# Choices of kernels


def attention_switches() -> tuple[Switch, list[Switch]]:
    """Those of attention's kernels: the one of plain operations, and the fused ones that this PyTorch has."""

    def switch(name: str) -> Switch:
        return getattr(torch._C, f"_get_{name}_sdp_enabled"), getattr(torch._C, f"_set_sdp_use_{name}")

    names = ("flash", "mem_efficient", "cudnn", "overrideable")
    return switch("math"), [switch(name) for name in names if hasattr(torch._C, f"_set_sdp_use_{name}")]


def layer_switches() -> tuple[Switch, Switch]:
    """Those of cuDNN and oneDNN."""
    cudnn: Switch = (torch._C._get_cudnn_enabled, torch._C._set_cudnn_enabled)
    onednn: Switch = (torch._C._get_mkldnn_enabled, torch._C._set_mkldnn_enabled)
    return cudnn, onednn


# What is at work around an operation


def saves_by_hooks() -> bool:
    """Whether hooks see what a graph saves, as those of checkpointing do; true where PyTorch, before 2.8, cannot tell."""
    top = getattr(torch._C._autograd, "_top_saved_tensors_default_hooks", None)
    return top is None or top(True) is not None


def transformed() -> bool:
    """Whether a transform of torch.func is at work."""
    return getattr(torch._C._functorch, "peek_interpreter_stack", lambda: None)() is not None


class _HeldEdge(GradientEdge):
    """An edge with the tensor that keeps its node alive."""

    tensor: Tensor


def gradient_edge(y: Tensor) -> GradientEdge:
    """Where y's gradient arrives, to be asked for when y itself is gone.

    Before PyTorch 2.7 the node of a custom function dies with its tensors, and to ask it is to crash.
    """
    edge, node = get_gradient_edge(y), cast(object, y.grad_fn)
    if isinstance(node, BackwardCFunction) and not hasattr(edge, "ownership_token"):
        edge = _HeldEdge(*edge)
        edge.tensor = y
    return edge


# Compiled code


def runs_compiled(parts: Iterable[nn.Module]) -> bool:
    """Whether one of the modules runs under `torch.compile`."""
    return bool([part for part in parts if "_orig_mod" in part._modules or part._compiled_call_impl is not None])


def inside_compiled(module: nn.Module) -> Any:
    """The module that `torch.compile` was given; None where this is not its wrapper."""
    return getattr(module, "_orig_mod", None)


def before_compiling(function: Any) -> Any:
    """The function that `torch.compile` was given, or the function itself."""
    return getattr(function, "_torchdynamo_orig_callable", function)


def compile_stance() -> Callable[[], None]:
    """A function that puts the compiler's stance back to what it is now."""
    from torch._dynamo import eval_frame  # which takes seconds, and compiled parts have done it already

    found = eval_frame._stance

    def put_back() -> None:
        eval_frame._stance = found

    return put_back


# Dual numbers, at the level that is open: as `torch.autograd.forward_ad` has them, in half the time, which counts where
# a pass has hundreds of operations. Whatever opens the level makes its first dual number there, which loads what it needs.


def unpacked(t: Tensor) -> tuple[Tensor, Tensor | None]:
    """A dual number's value and its tangent, None without one."""
    primal, tangent = torch._VF._unpack_dual(t, level=0)
    return primal, tangent


def dual(value: Tensor, tangent: Tensor) -> Tensor:
    """A value with a tangent."""
    found: Tensor = torch._VF._make_dual(value, tangent, level=0)
    return found


# Tensors, several at once


def norms(tensors: Sequence[Tensor], dtype: torch.dtype | None = None) -> Tensor:
    """‖t‖ of each, (len(tensors),)."""
    return torch.stack(torch._foreach_norm(list(tensors), 2, dtype))


def copy_each(to: Sequence[Tensor], source: Sequence[Tensor]) -> None:
    """Write each tensor over its place."""
    torch._foreach_copy_(list(to), list(source))


def add_each(to: Sequence[Tensor], more: Sequence[Tensor], factor: float) -> None:
    """Add `factor` times each tensor in its place."""
    torch._foreach_add_(list(to), list(more), alpha=factor)


def versions(tensors: Iterable[Tensor]) -> list[int]:
    """How often each was changed in place, as autograd counts."""
    return [t._version for t in tensors]


def keeping_version(tensor: Tensor) -> Any:
    """A context manager within which changes of a tensor are not counted."""
    return torch.autograd._unsafe_preserve_version_counter(tensor)  # type: ignore[attr-defined]


# Layers


def flat_weights(rnn: nn.RNNBase) -> tuple[list[Any], list[Any]]:
    """The second list that a recurrent layer keeps of its weights, and that of weak references to them."""
    return rnn._flat_weights, rnn._flat_weight_refs


def set_flat_weights(rnn: nn.RNNBase, weights: list[Any], references: list[Any]) -> None:
    """Exchange both."""
    rnn._flat_weights, rnn._flat_weight_refs = weights, references


def weight_norm() -> Any:
    """The operation of old-style weight normalisation."""
    return torch._weight_norm


def pack_padded_sequence() -> Any:
    """The operation that sorts the steps of sequences by time."""
    return torch._pack_padded_sequence


# Parameters that `fully_shard` spreads over ranks


def shard_groups(part: nn.Module) -> list[Any]:
    """What gathers and scatters the parameters of a module that `fully_shard` was applied to; before PyTorch 2.12 one."""
    state: Any = part._get_fsdp_state()  # type: ignore[operator]
    groups = getattr(state, "_fsdp_param_groups", None)
    return [group for group in ([state._fsdp_param_group] if groups is None else groups) if group is not None]


def shard_records(parts: Iterable[nn.Module]) -> list[Any]:
    """What is kept of each parameter: `sharded_param`, `is_dtensor`, `offload_to_cpu`, `unsharded_accumulated_grad`."""
    return [record for part in parts for group in shard_groups(part) for record in group.fsdp_params]


def gathered_for(record: Any) -> nn.Parameter | None:
    """What stands in a sharded parameter's place while it is gathered; None before it ever was."""
    return getattr(record, "_unsharded_param", None)


def settle_shards(parts: Iterable[nn.Module]) -> None:
    """Let all parameters be sharded and no pass under way: after a forward pass without a backward one, or half of one."""
    for part in parts:
        state: Any = part._get_fsdp_state()  # type: ignore[operator]
        idle = type(state._training_state).IDLE
        for group in shard_groups(part):
            group.wait_for_unshard()
            group._training_state = idle
            group._to_sharded()
            group._post_forward_indices.clear()
        state._training_state = idle
        state._modules_to_run_forward.clear()
        state._state_ctx.iter_forward_root = None
        state._state_ctx.post_backward_final_callback_queued = False
        getattr(state._comm_ctx, "post_forward_order", []).clear()  # there is none before the first pass


def as_if_first(parts: Sequence[nn.Module]) -> list[tuple[Any, str, Any]]:
    """Owners, attributes and values with which a backward pass averages over ranks and adds to nothing from before it."""
    wanted: list[tuple[Any, str, Any]] = []
    for part in parts:
        wanted.append((part._get_fsdp_state()._state_ctx, "is_last_backward", True))  # type: ignore[operator]
        for group in shard_groups(part):
            wanted += [(group, name, True) for name in ("reduce_grads", "all_reduce_grads", "reshard_after_backward")]
            wanted += [(group, name, None) for name in (_DIVIDES, "_partial_reduce_output") if hasattr(group, name)]
    for record in shard_records(parts):
        wanted += [(record, "unsharded_accumulated_grad", None), (record.sharded_param, "grad", None)]
        if (gathered := gathered_for(record)) is not None:
            wanted.append((gathered, "grad", None))
    return wanted


_DIVIDES = "gradient_divide_factor"


def not_gathered_again(parts: Iterable[nn.Module]) -> list[tuple[Any, str, Any]]:
    """Likewise, under which a backward pass lets all parameters be."""
    return [(group, "unshard_in_backward", False) for part in parts for group in shard_groups(part)]


# Operations below autograd


def kernel_of(operation: Any) -> Any:
    """What an operation of `torch.ops` calls, without the Python around it."""
    return operation._op


@contextlib.contextmanager
def below_autograd() -> Iterator[None]:
    """Within the block operations go to kernels straight away: no graph, no views kept track of, no autocast."""
    with torch._C._AutoDispatchBelowADInplaceOrView(), without_autocast():
        yield


def without_autocast() -> Any:
    """A context manager within which nothing is cast by itself."""
    return torch._C._DisableAutocast()


def compiling() -> bool:
    """What `torch.compiler.is_compiling()` says: code that reads numbers on the way leaves that alone where it is so."""
    return getattr(torch.compiler, "_is_compiling_flag", False)


def set_compiling(on: bool) -> None:
    """Let it say so, from now on."""
    torch.compiler._is_compiling_flag = on


def storage_of(tensor: Tensor) -> int:
    """Which memory a tensor's numbers lie in, as a number; of other than dense tensors, one of its own."""
    return tensor.untyped_storage()._cdata if tensor.layout is torch.strided else -id(tensor)


def leave_dispatch_mode(mode: Any) -> None:
    """Let a mode that sees operations be at work no longer; nothing where it is not."""
    if torch._C._len_torch_dispatch_stack() and any(one is mode for one in _get_current_dispatch_mode_stack()):
        mode.__exit__(None, None, None)
