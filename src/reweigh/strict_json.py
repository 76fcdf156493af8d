"""JSON that came from somewhere: read whole and as what it should be, or refused in one sentence.

Python's own reader takes what no writer of ours puts into a file: NaN, numbers beyond every float, one key twice, lists
within lists until the stack ends. Here these are refused, and so is a value of another kind than its reader goes on to use.
"""

import json
import math
from collections.abc import Mapping
from types import UnionType
from typing import Any, TypeAlias, get_args

from reweigh.errors import BadInput

DEPTH, DIGITS = 64, 19
Kind: TypeAlias = "type | UnionType | list[Any] | Mapping[str, Any]"
"""What a value should be: a type or a union of types (float takes whole numbers, int no truth values), `[kind]` for a list
of such, a mapping for an object with at least these keys; a key that ends in "?" may be missing."""


def parse_json(content: bytes, where: object) -> Any:
    """The value in a JSON text; `where` names the file in the sentence.

    Raises:
        BadInput: if it is no JSON in UTF-8, has a key twice, a number that is none or too large, or is too deep.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
        )
        _check_depth(value)
    except RecursionError:
        raise BadInput(f"{where} cannot be read as JSON: it is nested too deep; put a good copy back") from None
    except ValueError as broken:
        raise BadInput(f"{where} cannot be read as JSON: {str(broken).rstrip('.')}; put a good copy back") from broken
    return value


def parse_object(content: bytes, where: object) -> dict[str, Any]:
    """The same for a file that holds an object.

    Raises:
        BadInput: as `parse_json`, or if it holds something else.
    """
    value = parse_json(content, where)
    if not isinstance(value, dict):
        raise BadInput(f"{where} must hold a JSON object, not {type(value).__name__}: put a good copy back")
    return value


def check_kind(value: Any, kind: Kind, where: object, name: str = "") -> None:
    """Hold a value to a `Kind`; `name` is its place within the file `where`.

    Raises:
        BadInput: naming the first place that holds something else, or lacks a key.
    """
    if isinstance(kind, Mapping):
        _check_type(value, dict, where, name)
        for key, inner in kind.items():
            plain = key.removesuffix("?")
            if plain in value:
                check_kind(value[plain], inner, where, f"{name}.{plain}" if name else plain)
            elif plain == key:
                raise BadInput(f"{where} has no '{f'{name}.' if name else ''}{key}': put a good copy back")
    elif isinstance(kind, list):
        _check_type(value, list, where, name)
        for place, item in enumerate(value):
            check_kind(item, kind[0], where, f"{name}[{place}]")
    else:
        _check_type(value, kind, where, name)


def _check_type(value: Any, kind: Any, where: object, name: str) -> None:
    kinds = get_args(kind) or (kind,)
    if type(value) in kinds or (type(value) is int and float in kinds):
        return
    words = " or ".join(_WORDS.get(one, str(one)) for one in kinds)
    place = f"'{name}' in {where}" if name else str(where)
    raise BadInput(f"{place} is {_shown(value)}, not {words}: put a good copy back")


_WORDS = {
    int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "an object", list: "a list",
    type(None): "null",
}  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return _WORDS[type(value)]
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:40]!r} is there twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _whole(text: str) -> int:
    if len(text.lstrip("-")) > DIGITS:
        raise ValueError(f"the number {text[:20]}… has {len(text)} digits")
    return int(text)


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise RecursionError


def _inside(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
