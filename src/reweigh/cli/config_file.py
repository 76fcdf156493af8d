"""`--config FILE`: settings by the names of the options, as YAML, TOML or JSON, such as the `config.json` of a run."""

import json
import tomllib
from pathlib import Path
from typing import Any

from reweigh.data.outside import is_outside
from reweigh.errors import BadInput, ReweighError, require
from reweigh.named_code import is_object, not_given_again
from reweigh.run.folder.stored import config_from
from reweigh.storage import read_plain

_DATA = ("train", "clean", "test")
_CODE = ("model", "rule", "task", *_DATA)
"""The settings that may name code. Of data it may be a path with a colon as well."""


def settings_in(path: Path, named: dict[str, Any]) -> dict[str, Any]:
    """The file's settings with those `named` by options in their place; what is left open is left out.

    Code that a file names is not run because the file says so: whatever is from elsewhere has to be an option as well.

    Raises:
        BadInput: if the file cannot be read, or a setting cannot be used.
    """
    found = _read(path)
    inner = found.get("settings", found) if isinstance(found, dict) else None
    if not isinstance(inner, dict) or not all(isinstance(name, str) for name in inner):
        raise BadInput(f"{path} holds no settings: write one a line, such as `rule: NAME` or `epochs = 20`")
    settings = {name.replace("-", "_"): value for name, value in inner.items() if value is not None}
    for option in _CODE:
        code = settings.get(option)
        if not isinstance(code, str) or option in named:
            continue
        if is_object(code):
            raise BadInput(f"{path} cannot be trained with again: {not_given_again(code, option)}")
        if ":" in code if option not in _DATA else is_outside(code):
            raise BadInput(
                f"{path} names code from elsewhere for {option}, {code!r}, which is not used because a file says so: if you "
                f"trust it, add --{option} {code}"
            )
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if one in named and other not in named:
            settings.pop(other, None)  # the length of a run is set by one of them
    config_from({**settings, **named}, str(path))  # refused in the file's name
    return {**settings, **named}


def _read(path: Path) -> Any:
    try:
        text = read_plain(path).decode()
        if path.suffix == ".toml":
            return tomllib.loads(text)
        if path.suffix in (".yaml", ".yml"):
            return require("yaml", "cli").safe_load(text)
        if path.suffix == ".json":
            return json.loads(text)
    except ReweighError:
        raise
    except Exception as broken:  # each reader has its own kind
        raise BadInput(f"{path} cannot be read: {str(broken).splitlines()[0]}") from broken
    raise BadInput(f"{path} is no .yaml, .toml or .json: name the kind of file by its ending")
