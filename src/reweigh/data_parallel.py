"""A pass of an engine's own that serves training under DistributedDataParallel: it goes through the wrapper.

DDP needs to know two things of a step: that a forward pass is one of training (it sends the buffers of rank 0 to the others
then), and when a parameter's gradient is added up. Both are so in a pass that calls the wrapper with the engine's values in
the parameters' places, and ends in the parameters themselves.
"""

from torch import nn

from reweigh.several import held

_Wrapper = nn.parallel.DistributedDataParallel


def takes_shared_passes(model: nn.Module, module: nn.Module) -> bool:
    """Whether `model` is DDP itself around the `module`, in a manner that cannot tell an engine's pass from its own.

    It can where it looks for unused parameters in the graph of the outputs, or remembers the graph, or holds parameters of
    another precision.
    """
    return (
        type(model) is _Wrapper
        and held(model.module) is module
        and not (model.find_unused_parameters or model.static_graph or model.mixed_precision)
    )


def send_no_buffers(model: nn.Module) -> None:
    """In its next forward pass, which is one more of the same step: other ranks may not make it, and wait for none."""
    if isinstance(model, _Wrapper):
        model.require_forward_param_sync = False  # it is set anew at the end of each forward pass
