"""A call leaves everything as found."""

import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._pytree import tree_leaves

import reference
from zoo import Case, Scene


class Found(NamedTuple):
    """All that a call may not change, in a form that compares with ==."""

    structure: list[Any]
    tensors: list[bytes]
    process: list[Any]


def as_found(model: nn.Module, batches: Any = ()) -> Found:
    """What there is to be left alone: the module tree by identity, every tensor bit by bit, the process's settings."""
    structure, tensors = [], []
    for name, part in reference.bare(model).named_modules():
        hooks = {key: list(value) for key, value in part.__dict__.items() if key.endswith("_hooks") and value}
        owned = [(key, id(value)) for key, value in (*part._parameters.items(), *part._buffers.items())]
        structure.append((name, part.training, list(part.__dict__), hooks, owned))
    for p in model.parameters():
        structure.append((id(p), p.requires_grad, p.is_leaf, id(p.grad), p._backward_hooks))
        tensors += [bits(p), bits(p.grad)]
        assert forward_ad._current_level == -1, "a level of forward AD was left open"
    tensors += [bits(t) for t in (*model.buffers(), *tree_leaves(batches)) if isinstance(t, Tensor)]
    return Found(structure, tensors, process_state())


def bits(tensor: Tensor | None) -> bytes:
    return b"" if tensor is None else tensor.detach().contiguous().numpy().tobytes()


def process_state() -> list[Any]:
    """Generators and switches that belong to the user's process."""
    return [
        bits(torch.get_rng_state()),
        [part if isinstance(part, (str, int, float)) else part.tobytes() for part in np.random.get_state()],
        random.getstate(),
        (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled("cpu")),
        (torch.get_default_dtype(), torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled()),
        (torch.backends.cuda.flash_sdp_enabled(), torch.backends.cuda.math_sdp_enabled()),
        (torch.backends.cuda.mem_efficient_sdp_enabled(), torch.are_deterministic_algorithms_enabled()),
        torch._C._is_fwd_grad_enabled(),
    ]


def with_gradients(model: nn.Module) -> None:
    """Every other parameter has a .grad already, as in gradient accumulation."""
    for index, p in enumerate(model.parameters()):
        if p.requires_grad and index % 2 == 0:
            p.grad = torch.full_like(p, 0.5)


class Broken(Exception):
    """What a faulty loss raises."""


def leaves_all_as_found(case: Case, call: Callable[[Scene], Any]) -> None:
    """A call changes nothing that the user could see; nor does one in which the loss raises."""
    scene = case.build()
    with_gradients(scene.model)
    before = as_found(scene.model, (scene.train, scene.clean))
    call(scene)
    assert_same(as_found(scene.model, (scene.train, scene.clean)), before)

    def broken(model: nn.Module, batch: Any) -> Tensor:
        scene.per_example_loss(model, batch)
        raise Broken

    with pytest.raises(Broken):
        call(scene._replace(per_example_loss=broken))
    assert_same(as_found(scene.model, (scene.train, scene.clean)), before)


def assert_same(after: Found, before: Found) -> None:
    for was, now in zip(before.structure, after.structure, strict=True):
        assert now == was
    both = zip(before.tensors, after.tensors, strict=True)
    changed = [index for index, (was, now) in enumerate(both) if now != was]
    assert not changed, f"tensors number {changed} changed"
    assert after.process == before.process
