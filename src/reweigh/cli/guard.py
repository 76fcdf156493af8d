"""The way in, and the only place that turns errors into exit codes.

A user's mistake is one sentence on stderr and exit code 2; ctrl-C is exit code 130. A traceback means a bug in
reweigh. This module imports without cyclopts and rich, so that it can say how to install them.
"""

import errno
import os
import re
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from reweigh._version import __version__
from reweigh.allocator import keep_freed_memory
from reweigh.errors import ReweighError, require
from reweigh.last_words import INTERRUPTED, LAST_WORDS
from reweigh.printable import printable

if TYPE_CHECKING:
    from cyclopts import App

MISTAKE = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line with `arguments` (default: those of the process) and exit."""
    signal.signal(signal.SIGINT, _leave)
    keep_freed_memory()
    code = run(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Python takes its time to end
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    said = set[str]()

    def show(message: Warning | str, category: type[Warning], *_: Any) -> None:
        told = f"reweigh: warning: {printable(' '.join(str(message).split()))}"
        if issubclass(category, UserWarning) and told not in said:  # others are for programmers
            said.add(told)
            print(told, file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show  # type: ignore[assignment]  # what else it is told is for programmers
            return _guarded(arguments)
    except KeyboardInterrupt:
        return _say(LAST_WORDS[-1], INTERRUPTED)


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
        from reweigh.run.together import Elsewhere
    except ReweighError as missing:
        return _say(str(missing), MISTAKE)
    try:
        return _invoke(app, sys.argv[1:] if arguments is None else list(arguments))
    except Elsewhere:  # which another process has said
        return MISTAKE
    except ReweighError as mistake:
        return _say(str(mistake), MISTAKE)
    except CycloptsError as mistake:  # an unknown option, a word for a number
        return _say(f"{_sentence(str(mistake))} (see `reweigh --help` or `reweigh COMMAND --help`)", MISTAKE)
    except Interrupted as stopped:
        return _say(str(stopped), INTERRUPTED)
    except OSError as refused:
        return _refused(refused)


def _leave(number: int, frame: FrameType | None) -> None:
    """End the process with a sentence: an exception would go through libraries being loaded, or be swallowed by one.

    What is written appears whole or not at all, so nothing is to be tidied but the terminal's line.
    """
    with suppress(Exception):  # it may be just being written to
        sys.stdout.flush()
    said = f"reweigh: {printable(LAST_WORDS[-1])}\n".encode()
    if os.isatty(1):
        os.write(
            1, b"\r\x1b[2K\x1b[?25h" + (said if os.isatty(2) else b"")
        )  # at one stroke: the line is drawn by a thread
    if not (os.isatty(1) and os.isatty(2)):
        os.write(2, said)
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
    r"^Unused Tokens: \[(.*)\]$": r"there is no place for \1: most things have their option before them, as in --train FILE",
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
