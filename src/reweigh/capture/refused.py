"""What cannot be recorded: operations whose results a host has to know before it can go on."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

_PLAIN = (Tensor, nn.Parameter, nn.Buffer)
# What reads numbers on the host without an operation of its own that says so.
_HIDDEN = ("_pack_padded_sequence", "tensor_split", "ctc_loss", "embedding_renorm_", "set_")
_aten = torch.ops.aten
RESHAPES = {
    _aten.squeeze_.default: _aten.squeeze.default,
    _aten.squeeze_.dim: _aten.squeeze.dim,
    _aten.squeeze_.dims: _aten.squeeze.dims,
    _aten.unsqueeze_.default: _aten.unsqueeze.default,
    _aten.transpose_.default: _aten.transpose.int,
    _aten.t_.default: _aten.t.default,
    _aten.as_strided_.default: _aten.as_strided.default,
}
"""Changes of a tensor's own shape, and the operations that give it the new one as another tensor."""
_MASKS = (torch.bool, torch.uint8)


def why_not(func: Any, args: Sequence[Any], kwargs: dict[str, Any], tensors: Sequence[Tensor]) -> str | None:
    """Why an operation bars a pass from being made again without Python, in a clause; None where it does not."""
    name = func.overloadpacket.__name__
    if torch.Tag.data_dependent_output in func.tags:
        return "a number of a tensor is read on the way, as by item(), float() or an if"
    if name in ("index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"):
        masks = [t for t in args[1] if t is not None and t.dtype in _MASKS]
        return f"{name}() picks by a mask, so that shapes follow from numbers" if masks else None
    if torch.Tag.dynamic_output_shape in func.tags:
        return f"the shape of what {name}() gives follows from numbers"
    if (torch.Tag.inplace_view in func.tags and func not in RESHAPES) or name in _HIDDEN:
        return f"{name}() cannot be made again without Python"
    if any(isinstance(arg, torch.Generator) for arg in (*args, *kwargs.values())):
        return "it draws from a generator of its own"
    other = next((t for t in tensors if type(t) not in _PLAIN or t.layout is not torch.strided), None)
    return None if other is None else f"there are tensors of the kind {type(other).__name__}, {other.layout}"
