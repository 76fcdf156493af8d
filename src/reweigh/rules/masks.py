"""Which positions of a sequence count in an internal state: by the field of the batch with those positions."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh._types import Batch
from reweigh.batches import fields_of
from reweigh.errors import BadInput

Masks = dict[str, tuple[str, int]]
"""By glob over places: a field of the batch that has their positions, and the token that does not count there."""


def checked_masks(masks: Any) -> Masks:
    """Globs of places, each with the name of a field, or with that and the token that does not count there; 0 if not said.

    Raises:
        BadInput: if it is anything else.
    """
    found: Masks = {}
    good = masks is None or isinstance(masks, Mapping)
    for glob, said in masks.items() if isinstance(masks, Mapping) else ():
        field, padding = said if isinstance(said, tuple | list) and len(said) == 2 else (said, 0)
        good = good and isinstance(glob, str) and isinstance(field, str) and type(padding) is int
        found[glob] = (field, padding)
    if not good:
        raise BadInput(
            f"masks={masks!r:.100}: name the field of each place's positions, such as {{'encoder*': 'source'}}, or that and "
            "its padding, {'encoder*': ('source', 0)}"
        )
    return found


def masked_only(masks: Masks, places: Sequence[str], *, named: bool) -> list[str]:
    """The places that have a mask, all of them where they were `named`.

    Raises:
        BadInput: naming one that was and has none, or where none is left.
    """
    without = [place for place in places if not any(fnmatch.fnmatchcase(place, glob) for glob in masks)]
    if without and (named or len(without) == len(places)):
        raise BadInput(
            f"nothing says which positions of the internal state {without[0]!r} count: they are known of parts whose names "
            f"are like {', '.join(map(repr, masks))}"
        )
    return [place for place in places if place not in without]


def masks_of(masks: Masks, places: Sequence[str], batch: Batch) -> dict[str, Tensor]:
    """The masks (B, T) of the places that have one: the field itself where it is boolean, else where it is no padding.

    Of several globs that fit a place the last counts. One that begins with `*` speaks of whatever is read.

    Raises:
        BadInput: if a field is not in the batch, or holds no whole numbers; or another glob fits no place.
    """
    found: dict[str, Tensor] = {}
    for glob, (field, padding) in masks.items() if places else ():
        hits = [place for place in places if fnmatch.fnmatchcase(place, glob)]
        if not hits:
            if glob.startswith("*"):
                continue
            raise BadInput(
                f"masks= names {glob!r}, which fits none of the internal states {', '.join(map(repr, places))}"
            )
        held = fields_of(batch) or {}
        value = held.get(field)
        if not isinstance(value, Tensor) or value.is_floating_point() or value.is_complex():
            raise BadInput(
                f"masks= takes what counts from the field {field!r}, and a batch of type {type(batch).__name__} "
                "has no such field of booleans or tokens"
            )
        found.update(dict.fromkeys(hits, value if value.dtype == torch.bool else value != padding))
    return found
