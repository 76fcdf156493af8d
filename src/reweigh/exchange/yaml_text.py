"""A few settings as YAML: JSON is YAML, so strings are written as JSON, whatever they hold."""

import json
from typing import Any


def yaml_of(value: Any) -> str:
    """Mappings and lists in blocks, the rest as JSON."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, dict):
        items = [(f"{name}:", inner) for name, inner in value.items()]
    else:
        items = [("-", inner) for inner in value]
    found = list[str]()
    for head, inner in items:
        if isinstance(inner, dict | list):
            found += [head, *(f"  {line}" for line in _lines(inner))]
        else:
            found.append(f"{head} {json.dumps(inner, ensure_ascii=False)}")
    return found
