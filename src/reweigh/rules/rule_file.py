"""A trained rule in a file of its own, and a network for parameters that come from outside.

The file is safetensors: tensors by name, and the rule's name and settings as JSON in the header. Whatever else a file holds
is refused in one sentence. Memory follows from what the file holds: a network is first made without memory, and gets the
file's tensors only where names and shapes are those that the settings ask for.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reweigh import rng
from reweigh.digests import check_beside
from reweigh.errors import BadInput, ReweighError, require
from reweigh.storage import read_plain

_KEY = "reweigh_rule"


def rule_as_bytes(name: str, config: dict[str, Any], parameters: Mapping[str, Tensor]) -> bytes:
    """The content of a rule's file."""
    tensors = {key: p.detach().cpu().contiguous() for key, p in parameters.items()}
    header = {_KEY: json.dumps({"name": name, "config": config})}
    content: bytes = require("safetensors.torch", "cli").save(tensors, header)
    return content


def read_rule(path: Path | str) -> tuple[str, dict[str, Any], dict[str, Tensor]]:
    """Name, settings and parameters of a saved rule.

    Raises:
        BadInput: if the file is not a rule that `LearnedRule.save` wrote.
    """
    safetensors = require("safetensors.torch", "cli")
    if not Path(path).exists():
        raise BadInput(f"{path} cannot be read: No such file or directory")
    try:
        content = read_plain(Path(path))
        check_beside(Path(path), content)
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        told = json.loads(header["__metadata__"][_KEY])
        name, config = told["name"], told["config"]
        if not (isinstance(name, str) and isinstance(config, dict)):
            raise TypeError("a name and settings are wanted")
        return name, config, safetensors.load(content)
    except ReweighError:
        raise
    except OSError as refused:
        raise BadInput(f"{path} cannot be read: {refused.strerror or refused}") from refused
    except Exception as broken:
        raise BadInput(f"{path} is not a rule saved by reweigh, or is damaged: name a teacher.safetensors") from broken


def network_of(make: Callable[[dict[str, Tensor]], nn.Module], parameters: Any, whose: str) -> nn.Module:
    """The network that `make` builds for these parameters, holding copies of them, in single or double precision.

    Raises:
        BadInput: if they are not the tensors of such a network, or not all finite; `whose` begins the sentence.
    """
    try:
        found = dict(parameters)
        with rng.kept(), torch.device("meta"):
            net = make(found)
        wanted = {name: tuple(p.shape) for name, p in net.state_dict().items()}
        shapes = {name: tuple(p.shape) for name, p in found.items()}
    except Exception as broken:
        raise BadInput(f"{whose} does not hold what its settings ask for ({_first_line(broken)})") from broken
    for name in sorted(wanted.keys() | shapes.keys()):
        if wanted.get(name) != shapes.get(name):
            raise BadInput(
                f"{whose} does not hold what its settings ask for: {name} has shape {shapes.get(name, 'none')}, "
                f"where {wanted.get(name, 'none')} is wanted"
            )
    for name, p in found.items():
        if p.dtype not in (torch.float32, torch.float64):
            raise BadInput(f"{whose} holds {name} as {p.dtype}: a rule's numbers are float32 or float64")
        if not bool(torch.isfinite(p).all()):
            raise BadInput(f"{whose} holds a number that is not finite in {name}: take one that was saved before that")
    net.load_state_dict({name: p.detach().clone() for name, p in found.items()}, assign=True)
    return net.requires_grad_(True)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]:.120}"
