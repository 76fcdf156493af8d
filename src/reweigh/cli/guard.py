"""The way in, and the only place that turns errors into exit codes.

A user's mistake is one sentence on stderr and exit code 2; ctrl-C is exit code 130. A traceback means a bug in
reweigh. This module imports without cyclopts and rich, so that it can say how to install them.
"""

import errno
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from reweigh._version import __version__
from reweigh.allocator import keep_freed_memory
from reweigh.errors import STOPPED, ReweighError, require
from reweigh.printable import printable

if TYPE_CHECKING:
    from cyclopts import App

MISTAKE, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with `arguments` (default: those of the process) and exit."""
    with _left_at_once():
        keep_freed_memory()
        code = run(arguments)
    if code == INTERRUPTED:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses it again is on the way out already
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    said = set[str]()

    def show(message: Warning | str, category: type[Warning], *_: Any) -> None:
        told = f"reweigh: warning: {printable(' '.join(str(message).split()))}"
        if issubclass(category, UserWarning) and told not in said:  # others are for programmers
            said.add(told)
            print(told, file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]  # what else it is told is for programmers
        return _guarded(arguments)


def _guarded(arguments: Sequence[str] | None) -> int:
    if list(sys.argv[1:] if arguments is None else arguments) == ["--version"]:  # without waiting for torch
        print(f"reweigh {__version__}")
        return 0
    try:
        with _left_at_once():
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
        return _say(str(stopped), INTERRUPTED)
    except KeyboardInterrupt:
        return _say(STOPPED, INTERRUPTED)
    except OSError as refused:
        return _refused(refused)


@contextmanager
def _left_at_once() -> Iterator[None]:
    """Within the block ctrl-C ends the process there and then: an exception would pass through libraries being loaded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, f"reweigh: {STOPPED}\n".encode())
    os._exit(INTERRUPTED)


def _invoke(app: "App", arguments: list[str]) -> int:
    from reweigh.cli.voice import ALOUD, Answer, Voice

    command, bound, _ = app.parse_args(arguments)
    voice = next((said for said in bound.arguments.values() if isinstance(said, Voice)), ALOUD)
    with voice.speaking():
        answer = command(*bound.args, **bound.kwargs)
    if isinstance(answer, Answer):
        voice.answer(answer)
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
