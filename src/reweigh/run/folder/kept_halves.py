"""What two students said of each other's half, kept in a run's folder: audit, report and verdict ask nobody again."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from reweigh.digests import Digests
from reweigh.errors import BadInput, require
from reweigh.rightness.witness import Witness
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.halves import Halves, Targets

_CHECKED, _OTHERS, _WITHIN = "checked ids", "other ids", "/"
_LARGEST = 1 << 34


def write_halves(folder: RunFolder, digests: Digests, halves: Halves) -> None:
    """Write what is known of all checked examples and of the others, with their ids."""
    view = halves.witness(torch.arange(len(halves.clean)))
    content = {_CHECKED: halves.clean.ids, _OTHERS: halves.train.ids}
    for field in fields(view):
        value = getattr(view, field.name)
        if isinstance(value, Mapping):
            named = enumerate(value.items())
            content |= {f"{field.name}{_WITHIN}{place:03}{_WITHIN}{name}": part for place, (name, part) in named}
        elif value is not None:
            content[field.name] = value
    save = require("safetensors.torch", "cli").save
    digests.write(folder / files.HALVES, save({name: value.contiguous() for name, value in content.items()}))


def read_halves(folder: RunFolder, digests: Digests, clean: Targets, others: Targets) -> Witness | None:
    """What was kept, of these checked examples and then of the others; None where nothing is, or it is of other examples.

    Raises:
        BadInput: if the file is damaged or was edited.
    """
    path = folder / files.HALVES
    if not path.exists() or digests.run is None:
        return None
    content = digests.read(path, _LARGEST)
    digests.check(path, content)
    try:
        told: dict[str, Tensor] = require("safetensors.torch", "cli").load(content)
        checked, rest = told.pop(_CHECKED), told.pop(_OTHERS)
        if not (_same(checked, clean.ids) and torch.equal(rest, others.ids)):
            return None
        rows = torch.cat([_places(checked, clean.ids), torch.arange(len(checked), len(checked) + len(rest))])
        view = clean.judging.witness(**_fields(told))
        return view[rows] if len(view) == len(rows) else None
    except (KeyError, TypeError, ValueError, RuntimeError) as wrong:
        raise BadInput(f"{path} is not what this version writes: delete it, and labels are judged anew") from wrong


def _fields(told: Mapping[str, Tensor]) -> dict[str, Any]:
    """A witness's fields: tensors, and mappings of such in the order in which they were, which the file does not keep.

    What is found in another order differs in its last digits: of the same run an audit would say now this, now that.
    """
    found: dict[str, Any] = {}
    for name, value in sorted(told.items()):
        field, *within = name.split(_WITHIN, 2)
        if within:
            found.setdefault(field, {})[within[-1]] = value
        else:
            found[field] = value
    return found


def _same(one: Tensor, other: Tensor) -> bool:
    return torch.equal(one.sort().values, other.sort().values)


def _places(ids: Tensor, asked: Tensor) -> Tensor:
    order = ids.argsort()
    return order[torch.searchsorted(ids[order], asked)]
