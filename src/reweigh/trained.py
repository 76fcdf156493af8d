"""Which parameters take part: the trainable ones, those inside chosen layers, or the body; and which cannot.

The body is all but embeddings and the output layer that is tied to one. Of a sentence's gradient these have the most
entries, and say which words are in it more than whether it is right.
"""

import fnmatch
import math
from collections.abc import Sequence

from torch import nn

from reweigh import sharded
from reweigh._types import LayerChoice, Params
from reweigh.errors import BadInput

BODY = "body"
"""In the place of layers: all but embeddings and what is tied to them; unless a submodule has this name."""
_EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)


def chosen_parameters(module: nn.Module, layers: LayerChoice = None) -> dict[str, nn.Parameter]:
    """The trainable parameters that take part, by name; with `layers`, only those inside the chosen submodules.

    A glob pattern chooses a submodule by its name, and with it everything inside: `"layer3"`, `"blocks.?"`, `"*.head"`.

    Raises:
        BadInput: if nothing is chosen, nothing in the model is trainable, or a trainable parameter is of a kind that
            cannot take part: without a shape, complex, or spread over ranks but by `fully_shard`.
    """
    trainable = {name: p for name, p in module.named_parameters() if p.requires_grad}
    if not trainable:
        raise BadInput(
            "the model has no trainable parameter: set requires_grad=True on those that the optimizer trains"
        )
    spread = sharded.parts_of(module.modules())
    if barred := next(((name, why) for name, p in trainable.items() if (why := _bar(p, spread))), None):
        raise BadInput(f"parameter {barred[0]!r} {barred[1]}")
    if layers is None:
        return trainable
    if is_body(module, layers):
        outside = left_out(module)
        if len(outside) == len(trainable):
            raise BadInput(
                f"layers={BODY!r} leaves out embeddings and what is tied to them, and {type(module).__name__} trains "
                "nothing else: leave layers= out"
            )
        return {name: p for name, p in trainable.items() if name not in outside}
    if callable(layers):
        roots = [name for name, part in module.named_modules() if layers(name, part)]
    else:
        roots = _matching(module, [layers] if isinstance(layers, str) else list(layers))
    inside = {id(p) for root in roots for p in module.get_submodule(root).parameters()}
    chosen = {name: p for name, p in trainable.items() if id(p) in inside}
    if not chosen:
        raise BadInput(
            f"layers={layers!r} chooses no trainable parameter: name a submodule that has some, "
            f"such as {_some_layers(module, trainable)}"
        )
    return chosen


def is_body(module: nn.Module, layers: LayerChoice) -> bool:
    """Whether the body is meant, and not a submodule of that name."""
    asked = layers == BODY or (isinstance(layers, list | tuple) and list(layers) == [BODY])
    return asked and all(name != BODY for name, _ in module.named_modules())


def left_out(module: nn.Module) -> dict[str, nn.Parameter]:
    """The trainable parameters outside the body, by name: those of embeddings, and of layers that share one of them."""
    parts = [part for part in module.modules() if isinstance(part, _EMBEDDINGS)]
    outside = {id(p) for part in parts for p in part.parameters()}
    for part in module.modules():
        own = [id(p) for p in part.parameters(recurse=False)]
        if isinstance(part, nn.Linear) and not outside.isdisjoint(own):
            outside.update(own)  # the bias of a tied output layer
    return {name: p for name, p in module.named_parameters() if p.requires_grad and id(p) in outside}


def told_of_body(module: nn.Module, layers: LayerChoice) -> str:
    """What the body leaves out, in a sentence; empty where the body was not asked for."""
    if not is_body(module, layers):
        return ""
    names = ", ".join(f"{name} {tuple(p.shape)}" for name, p in left_out(module).items())
    return f"layers={BODY!r} leaves out {names or 'nothing, since there are no embeddings'}"


def _bar(p: nn.Parameter, spread: Sequence[nn.Module]) -> str:
    """Why a parameter cannot take part; empty where it can."""
    if isinstance(p, nn.parameter.UninitializedParameter):
        return "has no shape yet: run one forward pass before asking for alignments"
    if p.is_complex():
        return (
            "is complex, which no engine is proven for: hold it as a real parameter with a last dimension of 2 and call "
            "torch.view_as_complex on it in forward"
        )
    if sharded.is_sharded(p):
        if why := sharded.why_not(spread, p):
            return f"{why}: parameters spread over ranks can take part where fully_shard alone spreads them over all"
        return ""
    if hasattr(p, "ds_id") or hasattr(p, "_is_flat_param"):
        return (
            "is spread over ranks by FSDP or ZeRO-3, which is not supported: take torch.distributed.fsdp.fully_shard, or "
            "DistributedDataParallel"
        )
    return ""


def last_layers(module: nn.Module, share: float = 0.25) -> list[str]:
    """The names of the last layers with trainable parameters of their own: this share of them, and at least two.

    In the order in which the modules were made, which is the order of the forward pass in most code.
    """
    own = [
        name for name, part in module.named_modules() if any(p.requires_grad for p in part.parameters(recurse=False))
    ]
    count = max(2, math.ceil(share * len(own)))
    return [name for name in own[-count:] if name]


def _matching(module: nn.Module, patterns: list[str]) -> list[str]:
    names = [name for name, _ in module.named_modules() if name]
    found = {pattern: [name for name in names if fnmatch.fnmatchcase(name, pattern)] for pattern in patterns}
    for pattern, hits in found.items():
        if not hits:
            raise BadInput(
                f"layers pattern {pattern!r} matches no submodule of {type(module).__name__}: "
                f"its submodules are {', '.join(map(repr, names[:8]))}{', …' if len(names) > 8 else ''}"
            )
    return [name for hits in found.values() for name in hits]


def _some_layers(module: nn.Module, trainable: Params) -> str:
    owners = dict.fromkeys(name.rpartition(".")[0] or "(the model itself)" for name in trainable)
    return ", ".join(repr(owner) for owner in list(owners)[-3:])
