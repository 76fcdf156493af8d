"""The seam for a user's own layer: how to get the gradients of single examples, registered by the layer's class.

Most modules need nothing: what they are made of is known, operation by operation. A module that hides its parameters from
PyTorch (a custom autograd Function, a kernel of its own) can be registered:

    @ghost.layer(MyScale)
    def _(layer, inputs, delta):                       # inputs of the call; delta: gradient at its one output
        return {"scale": (inputs[0] * delta).flatten(1).sum(1, keepdim=True)}      # (B, *parameter's shape) by name

Examples lie along the first dimension of the output.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from reweigh.alignment.ghost.products import Arrival, PerSampleGrads, Wanted
from reweigh.as_found import attributes_of, substituted
from reweigh.errors import BadInput
from reweigh.undo import ForAWhile, lent

ExampleGradients = Callable[[Any, tuple[Any, ...], Tensor], Mapping[str, Tensor]]
"""`(layer, inputs, delta) -> {parameter name: (B, *shape)}`."""

_LAYERS: dict[type[nn.Module], ExampleGradients] = {}


def layer(kind: type[nn.Module]) -> Callable[[ExampleGradients], ExampleGradients]:
    """Registers how a module class computes its examples' own gradients; the last registration of a class counts.

    Raises:
        BadInput: if `kind` is no module class.
    """
    if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
        raise BadInput(f"ghost.layer takes a module class, not {kind!r}")

    def register(function: ExampleGradients) -> ExampleGradients:
        _LAYERS[kind] = function
        return function

    return register


@dataclass(frozen=True)
class OfLayer:
    """A registered function, as seams use it."""

    function: ExampleGradients

    def call(
        self, module: nn.Module, leaves: Mapping[str, Tensor], forward: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """The layer's own forward with leaves in the parameters' places."""
        with substituted(module, leaves):
            return forward(*args, **kwargs)

    def gradients(self, module: nn.Module, inputs: tuple[Any, ...]) -> PerSampleGrads:
        """The examples' own gradients, as a seam asks for them, checked."""

        def per_sample_grads(arrival: Arrival, wanted: Wanted) -> Mapping[str, Tensor]:
            found = self.function(module, inputs, arrival.delta)
            shapes = {name: (arrival.n, *p.shape) for name, p in module.named_parameters() if name in wanted.names}
            for name, shape in shapes.items():
                if name not in found or tuple(found[name].shape) != shape:
                    got = tuple(found[name].shape) if name in found else "nothing"
                    raise BadInput(
                        f"the rule registered with ghost.layer for {type(module).__name__} gives {got} for {name!r}: "
                        f"it must give each example's gradient, {shape}"
                    )
            return {name: found[name].detach() for name in shapes}

        return per_sample_grads


class intercepted(ForAWhile):
    """Within the block, calls of registered layers go to `seam(own, layer, forward, args, kwargs)`."""

    def __init__(self, parts: Sequence[nn.Module], seam: Callable[..., Any]) -> None:
        self._parts, self._seam = parts, seam

    def change(self) -> None:
        """A `forward` of the instance's own goes before that of its class."""
        found = [part for part in self._parts if part.__class__ in _LAYERS] if _LAYERS else []
        lent(attributes_of(found))
        for part in found:
            part.__dict__["forward"] = self._through(part, part.forward)

    def _through(self, part: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
        seam, own = self._seam, OfLayer(_LAYERS[type(part)])
        return lambda *args, **kwargs: seam(own, part, forward, args, kwargs)
