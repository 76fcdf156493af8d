"""Sentences made for the command line, said to somebody who calls from Python.

Options are arguments there, and a file that was written for data in memory is called by the argument that they came in.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from reweigh.errors import BadInput, ReweighError
from reweigh.settings.settings import by_name

_FLAGS = {"resume", "overwrite"} | {name for name, setting in by_name().items() if bool in setting.kinds}


def in_python(sentence: str, places: Mapping[str, str]) -> str:
    """The sentence with `--option` as `option=`, and each of the `places` (paths) by its name; commands stay."""
    for path, name in places.items():
        sentence = sentence.replace(path, name)
    parts = sentence.split("`")
    parts[::2] = [re.sub(r"(?<![\w-])--(no-)?([a-z][a-z-]*[a-z])", _argument, part) for part in parts[::2]]
    return "`".join(parts)


def _argument(option: re.Match[str]) -> str:
    name = option[2].replace("-", "_")
    return f"{name}={not option[1]}" if option[1] or name in _FLAGS else f"{name}="


@contextmanager
def said_in_python(places: Mapping[str, str]) -> Iterator[None]:
    """Within the block, errors that a user can put right speak of arguments."""
    try:
        yield
    except ReweighError as mistake:
        said = in_python(str(mistake), places)
        if said == str(mistake):
            raise
        raise (BadInput if isinstance(mistake, BadInput) else type(mistake))(said) from mistake.__cause__
