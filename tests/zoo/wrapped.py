"""Models inside the wrappers that people train them in."""

import torch
from torch import Tensor, distributed, nn
from torch._functorch import config as functorch_config

from zoo.case import CLASSES, case, vectors
from zoo.dense import mlp


def data_parallel(model: nn.Module) -> nn.Module:
    """DDP over one process; the process group is taken down again by conftest.py."""
    if not distributed.is_initialized():
        distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    return nn.parallel.DistributedDataParallel(model)


def compiled(model: nn.Module) -> nn.Module:
    """Traced, but run by autograd as usual: what is tried here is the wrapper, not a code generator."""
    return torch.compile(model, backend="aot_eager")


def compiled_in_place(model: nn.Module) -> nn.Module:
    functorch_config.donated_buffer = False  # the reference goes back through one graph for each example
    model.compile(backend="aot_eager")
    return model


case("ddp", vectors, wrap=data_parallel)(mlp)
case("compiled", vectors, wrap=compiled)(mlp)
case("compiled-in-place", vectors, wrap=compiled_in_place)(mlp)
case("ddp-compiled", vectors, wrap=lambda model: compiled(data_parallel(model)))(mlp)


class Half(nn.Module):
    """Only the inner part is compiled, so that taking the outer wrapper off does not help."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = torch.compile(nn.Sequential(nn.Linear(6, 6), nn.Tanh()), backend="aot_eager")
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.inner(x))


case("compiled-part", vectors)(Half)
