"""What the malicious files have in common: a pickle that leaves a canary behind, and commands that must refuse."""

import contextlib
import io
import os
from pathlib import Path
from typing import Any

from reweigh.cli.guard import run as command


class Pickled:
    """Runs a command where it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.canary}",)


def said(*words: object) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


def refused(*words: object) -> str:
    code, out, err = said(*words)
    if code == 2 and len(err.splitlines()) == 1 and "\x1b" not in out + err:
        return "sentences"
    return f"code {code}: {err[-300:]!r}"
