"""A few settings as YAML."""

from math import inf
from typing import Any

from reweigh.errors import require


def yaml_of(value: Any) -> str:
    """Mappings and lists in blocks, in their order, whatever strings hold."""
    text: str = require("yaml", "cli").safe_dump(value, sort_keys=False, allow_unicode=True, width=inf)
    return text
