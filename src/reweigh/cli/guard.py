"""The way in, and the only place that turns errors into exit codes.

A user's mistake is one sentence on stderr and exit code 2; ctrl-C is exit code 130. A traceback means a bug in
reweigh. This module imports without cyclopts and rich, so that it can say how to install them.
"""

import errno
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from reweigh._version import __version__
from reweigh.allocator import keep_freed_memory
from reweigh.errors import ReweighError, require
from reweigh.printable import printable

MISTAKE, STOPPED = 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with `arguments` (default: those of the process) and exit."""
    keep_freed_memory()
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]  # what else it is told is for programmers
        return _guarded(arguments)


def _guarded(arguments: Sequence[str] | None) -> int:
    if list(sys.argv[1:] if arguments is None else arguments) == ["--version"]:  # without waiting for torch
        print(f"reweigh {__version__}")
        return 0
    try:
        require("cyclopts", "cli")
        require("rich", "cli")
        from cyclopts import CycloptsError

        from reweigh.cli.app import app
        from reweigh.run.start import Interrupted
    except ReweighError as missing:
        return _say(str(missing), MISTAKE)
    try:
        return _invoke(app, sys.argv[1:] if arguments is None else list(arguments))
    except ReweighError as mistake:
        return _say(str(mistake), MISTAKE)
    except CycloptsError as mistake:  # an unknown option, a word for a number
        return _say(f"{_sentence(str(mistake))} (see `reweigh --help` or `reweigh COMMAND --help`)", MISTAKE)
    except Interrupted as stopped:
        return _say(str(stopped), STOPPED)
    except KeyboardInterrupt:
        return _say("stopped before anything was saved", STOPPED)
    except OSError as refused:
        return _refused(refused)


def _invoke(app: Callable[..., Any], arguments: list[str]) -> int:
    app(arguments)
    return 0 if arguments else MISTAKE  # the help is printed where nothing was asked


def _sentence(said: str) -> str:
    """What cyclopts says, in people's words."""
    said = " ".join(said.split()).rstrip(".")
    for theirs, ours in _OURS.items():
        said = re.sub(theirs, ours, said)
    return said


_OURS = {
    " into int$": " into a whole number",
    " into float$": " into a number",
    r"^Unused Tokens: \[(.*)\]$": r"there is no place for \1",
}


def _refused(refused: OSError) -> int:
    if refused.errno == errno.EPIPE:  # the reader of our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    where = f" ({refused.filename})" if refused.filename else ""
    reason = (refused.strerror or str(refused)).lower()
    remedy = "make room" if refused.errno in (errno.ENOSPC, errno.EDQUOT) else "check the path and its permissions"
    return _say(f"the system refused: {reason}{where}; {remedy} and try again", MISTAKE)


def _say(sentence: str, code: int) -> int:
    print(f"reweigh: {printable(' '.join(sentence.split()))}", file=sys.stderr)
    return code


def _show_warning(message: Warning | str, category: type[Warning], *_: Any) -> None:
    if issubclass(category, UserWarning):  # others are for programmers
        print(f"reweigh: warning: {printable(' '.join(str(message).split()))}", file=sys.stderr)
