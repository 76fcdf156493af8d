"""The student's internal states: what chosen submodules take in or put out in the very pass that computes the losses.

A place is named like a submodule (`"layer3"`: its output) or with `:input` behind (`"head:input"`: what goes into it). Each
state is pooled to one vector an example, over the positions that a mask says or all of them. Where tokens have weights, a
state without a mask gives each token its own vector, and one that has a mask its example's. Hooks stand on the model within
`watching(...)` only, and nothing is left on it.

Where no places are named they are found: the input of the last Linear layer, and the outputs of up to three main stages; of
an encoder and a decoder, what both put out.
"""

import contextlib
import fnmatch
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from reweigh._types import Batch
from reweigh.as_found import hooked, uncompiled
from reweigh.errors import BadInput
from reweigh.several import called
from reweigh.tokens import of_tokens
from reweigh.undo import ForAWhile

INPUT = ":input"
_MOST_STAGES = 3
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.RNNBase)


@dataclass
class Seen:
    """What a pass let see of B examples.

    Attributes:
        states: pooled states by place, each (B, width); those of tokens (B, T, width) until they are `checked`.
        logits: the model's output (B, C), or None where that is something else.
    """

    states: dict[str, Tensor] = field(default_factory=dict)
    logits: Tensor | None = None

    def detached(self) -> "Seen":
        """The same numbers without a graph."""
        logits = None if self.logits is None else self.logits.detach()
        return replace(self, states={name: s.detach() for name, s in self.states.items()}, logits=logits)

    def state_dict(self) -> dict[str, Any]:
        """Tensors by name."""
        return {"states": dict(self.states), "logits": self.logits}


class watching(ForAWhile):
    """Within the block, what passes through the places is put into `Seen`; `follow` keeps the graph.

    Where a submodule is called several times the last call counts. What is `compiled` runs uncompiled, since compiled code
    does not call hooks. `masks` say by place which positions count, (B, T); with `tokens`, states (B, T, width) without a
    mask are kept as they are.
    """

    def __init__(
        self,
        module: nn.Module,
        places: Sequence[str],
        *,
        follow: bool = False,
        compiled: bool = False,
        masks: Mapping[str, Tensor] | None = None,
        tokens: bool = False,
    ) -> None:
        self._module, self._places, self._compiled = module, places, compiled
        self._keeping = _Keeping(follow, masks or {}, tokens)

    def change(self) -> Seen:
        """The hooks are put on the modules, and taken off them after the block."""
        seen = Seen()
        if self._compiled:
            uncompiled().change()
        hooked(_hooks(seen, self._module, self._places, self._keeping)).change()
        return seen


class Look:
    """What is watched in a pass, and then what it let see: for passes that may be recorded, whose numbers come as a list.

    Args:
        places: as for `watching`; None where nothing is watched.
        masks: finds those of a batch.
        tokens, compiled: as for `watching`.
    """

    def __init__(
        self,
        places: Sequence[str] | None = None,
        masks: Callable[[Batch], Mapping[str, Tensor]] = lambda batch: {},
        *,
        tokens: bool = False,
        compiled: bool = False,
    ) -> None:
        self.places, self.seen = places, Seen()
        self._masks, self._tokens, self._compiled = masks, tokens, compiled

    @contextlib.contextmanager
    def at(self, module: nn.Module, batch: Batch) -> Iterator[None]:
        """Within the block the module's passes are watched."""
        if self.places is None:
            yield
            return
        masks = self._masks(batch)
        with watching(module, self.places, masks=masks, tokens=self._tokens, compiled=self._compiled) as self.seen:
            yield

    def checked(self, size: int, counts: Tensor | None = None) -> Seen | None:
        """What was seen, held to what `checked` asks; None where nothing was watched."""
        return None if self.places is None else checked(self.seen, self.places, size, counts)

    @property
    def kind(self) -> Hashable:
        """What a pass looks at, to be compared."""
        return None if self.places is None else tuple(self.places)

    @property
    def numbers(self) -> list[Tensor | None]:
        """What was seen, without a graph: the output, and each place's state."""
        if self.places is None:
            return []
        found = [self.seen.logits, *(self.seen.states.get(place) for place in self.places)]
        return [None if t is None else t.detach() for t in found]

    def take(self, numbers: Sequence[Tensor | None]) -> None:
        """As if a pass had let see these."""
        if self.places is not None:
            states = {place: t for place, t in zip(self.places, numbers[1:], strict=True) if t is not None}
            self.seen = Seen(states, numbers[0])


class _Keeping(NamedTuple):
    """How states are kept: with their graph or without, over which positions, and one a token or not."""

    follow: bool
    masks: Mapping[str, Tensor]
    tokens: bool

    def state(self, place: str, state: Tensor) -> Tensor:
        state, mask = state if self.follow else state.detach(), self.masks.get(place)
        if self.tokens and mask is None and state.ndim == 3:
            return state.clone()  # an in-place activation may follow
        if mask is None or state.ndim == 2:  # one vector an example has no positions
            return pooled(state)
        if state.ndim != 3 or state.shape[:2] != mask.shape:
            raise BadInput(
                f"the internal state {place!r} has shape {tuple(state.shape)} and its mask {tuple(mask.shape)}: masks= must "
                "name the field of this state's own positions, (B, T)"
            )
        return pooled(state, mask)


def _hooks(
    seen: Seen, module: nn.Module, places: Sequence[str], keeping: _Keeping
) -> list[tuple[nn.Module, Callable[[nn.Module, Any, Any], None]]]:

    def see_output(_: nn.Module, args: Any, output: Any) -> None:
        logits = _first_tensor(output)
        if logits is not None and logits.ndim == 2 and logits.is_floating_point():
            seen.logits = logits if keeping.follow else logits.detach()

    def hook_for(place: str) -> Callable[[nn.Module, Any, Any], None]:
        def see(_: nn.Module, args: Any, output: Any) -> None:
            state = _first_tensor(args if place.endswith(INPUT) else output)
            if state is not None and state.is_floating_point():
                seen.states[place] = keeping.state(place, state)

        return see

    parts = [(module.get_submodule(place.removesuffix(INPUT)), hook_for(place)) for place in places]
    return [*((part, see_output) for _, part in called(module)), *parts]


def pooled(state: Tensor, mask: Tensor | None = None) -> Tensor:
    """(B, width): the mean over whatever lies between: pixels of (B, channels, H, W), steps of (B, T, width).

    Of steps only those that the mask (B, T) says; zero where it says none.
    """
    if mask is not None:
        share = mask / mask.sum(1, keepdim=True).clamp(min=1)
        return torch.where(mask[..., None], state * share.to(state.dtype)[..., None], 0.0).sum(1)
    if state.ndim <= 1:
        return state.reshape(-1, 1)
    if state.ndim == 2:
        return state.clone()  # an in-place activation may follow
    return state.mean(1) if state.ndim == 3 else state.flatten(2).mean(2)


def checked(seen: Seen, places: Sequence[str], size: int, counts: Tensor | None = None) -> Seen:
    """What was seen, held to one row an example; or to one a token that counts, (B, T), where `counts` says which do.

    Raises:
        BadInput: naming a place that was not passed, or that has other rows than the batch has examples.
    """
    if counts is not None:
        seen = replace(seen, states={name: of_tokens(state, counts) for name, state in seen.states.items()})
    for place in places:
        if place not in seen.states:
            raise BadInput(
                f"no floating-point tensor passed {place!r} in the pass that computes the losses: name other internal states"
            )
        if len(seen.states[place]) != size:
            raise BadInput(
                f"the internal state {place!r} has {len(seen.states[place])} rows but the batch has {size} examples: "
                "name states whose first dimension is the example"
            )
    if seen.logits is not None and len(seen.logits) != size:
        seen = replace(seen, logits=None)
    return seen


def named_places(module: nn.Module, patterns: Sequence[str]) -> list[str]:
    """The places that globs such as `"blocks.*"` or `"head:input"` name.

    Raises:
        BadInput: for a pattern that names no submodule.
    """
    names = [name for name, _ in module.named_modules() if name]
    found: list[str] = []
    for pattern in patterns:
        suffix = INPUT if pattern.endswith(INPUT) else ""
        hits = [name + suffix for name in names if fnmatch.fnmatchcase(name, pattern.removesuffix(INPUT))]
        if not hits:
            raise BadInput(
                f"the internal state {pattern!r} names no submodule of {type(module).__name__}: its submodules are "
                f"{', '.join(map(repr, names[:8]))}{', …' if len(names) > 8 else ''}"
            )
        found += [hit for hit in hits if hit not in found]
    return found


def usual_places(module: nn.Module) -> list[str]:
    """The outputs of up to three main stages, or of encoder and decoder, and the input of a last Linear layer.

    Raises:
        BadInput: if the model has neither.
    """
    prefix, main = max(
        called(module), key=lambda one: _size(one[1]) if _works(one[1]) else -1
    )  # of several, the network
    linear = [prefix + name for name, part in main.named_modules() if name and isinstance(part, nn.Linear)]
    head = linear[-1] if linear else None
    stages = _both_sides(main, prefix)
    if head is not None and any(head.startswith(f"{stage}.") for stage in stages):
        head = None  # the logits are made by the embedding
    stages = stages or [name for name in _stages(main, prefix, head) if name != head]
    if len(stages) > _MOST_STAGES:
        stages = [stages[(i + 1) * len(stages) // _MOST_STAGES - 1] for i in range(_MOST_STAGES)]
    places = stages + ([head + INPUT] if head else [])
    if not places:
        raise BadInput(f"no internal states were found in {type(module).__name__}: name some with states=")
    return places


def _stages(module: nn.Module, prefix: str, head: str | None) -> list[str]:
    """The parts that the model's work is divided into: where one container holds most of it, that one's parts."""
    parts = {f"{prefix}{name}": part for name, part in module.named_children() if _works(part)}
    total = sum(map(_size, parts.values())) - (_size(parts[head]) if head in parts else 0)
    for name, part in parts.items():
        inside = [child for child in part.children() if _works(child)]
        if isinstance(part, nn.Sequential | nn.ModuleList) and len(inside) > 1 and 2 * _size(part) > total:
            return _stages(part, f"{name}.", head)
    return [_called(name, part) for name, part in parts.items()]


def _both_sides(module: nn.Module, prefix: str) -> list[str]:
    """The ends of an encoder and of the decoder beside it, wherever they lie; none where there are no such two."""
    parts = dict(module.named_modules())
    for name in parts:
        two = [name, f"{name.removesuffix('encoder')}decoder"]
        if name.endswith("encoder") and all(side in parts and _works(parts[side]) for side in two):
            return [_called(f"{prefix}{side}", parts[side]) for side in two]
    return []


def _called(name: str, part: nn.Module) -> str:
    """A ModuleList is never called itself: the last of its modules stands for it."""
    if isinstance(part, nn.ModuleList | nn.ModuleDict):
        last, inner = [item for item in part.named_children() if _works(item[1])][-1]
        return _called(f"{name}.{last}", inner)
    return name


def _works(part: nn.Module) -> bool:
    return any(isinstance(inner, _LAYERS) for inner in part.modules())


def _size(part: nn.Module) -> int:
    return sum(p.numel() for p in part.parameters())


def _first_tensor(value: Any) -> Tensor | None:
    if isinstance(value, Tensor):
        return value
    if (logits := getattr(value, "logits", None)) is not None and isinstance(logits, Tensor):
        return logits
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return next((found for part in parts if (found := _first_tensor(part)) is not None), None)
