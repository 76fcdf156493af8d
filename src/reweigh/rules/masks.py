"""Which positions of a sequence count in an internal state: by the field of the batch with those positions."""

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from reweigh._types import Batch
from reweigh.batches import fields_of
from reweigh.errors import BadInput


def checked_masks(masks: Any) -> dict[str, str]:
    """Globs of places, each with the name of a field.

    Raises:
        BadInput: if it is anything else.
    """
    if masks is None:
        return {}
    if not isinstance(masks, Mapping) or not all(isinstance(word, str) for pair in masks.items() for word in pair):
        raise BadInput(
            f"masks={masks!r:.100}: name the field of each place's positions, such as {{'encoder*': 'source'}}"
        )
    return dict(masks)


def masks_of(masks: Mapping[str, str], padding: int, places: Sequence[str], batch: Batch) -> dict[str, Tensor]:
    """The masks (B, T) of the places that have one: the field itself where it is boolean, else where it is not `padding`.

    Raises:
        BadInput: if a field is not in the batch, or holds no whole numbers; or a glob fits no place.
    """
    found: dict[str, Tensor] = {}
    for glob, field in masks.items():
        hits = [place for place in places if fnmatch.fnmatchcase(place, glob)]
        if not hits:
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
