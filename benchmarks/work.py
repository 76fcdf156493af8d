"""What a step does, counted: how many operations reach PyTorch's kernels, and how many numbers they write.

A count is the same on every machine and at any load, so that two trees can be told apart by less than their times can.
"""

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_NAMES = (
    "view _unsafe_view alias detach t transpose permute expand squeeze unsqueeze slice select as_strided split unbind"
)
_VIEWS = frozenset(f"aten::{name}" for name in _NAMES.split())


class Work(TorchDispatchMode):
    """Within the block, `operations` and `numbers` count up; views write nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.operations += 1
        if func._schema.name not in _VIEWS:
            self.numbers += sum(t.numel() for t in tree_leaves(out) if isinstance(t, Tensor))
        return out
