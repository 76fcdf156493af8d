"""How much a command says: all of it, its outcome alone, or one JSON object for programs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter

from reweigh.cli.show import console
from reweigh.run.folder.run_folder import json_bytes


class Answer(NamedTuple):
    """What comes of a command: the outcome in a sentence or a path, and all of it by names, for programs."""

    outcome: str
    content: dict[str, Any]


@Parameter(name="*")
@dataclass(frozen=True)
class Voice:
    """Options of every command."""

    quiet: Annotated[
        bool, Parameter(name=("--quiet", "-q"), help="Say the outcome alone.", negative=(), show_default=False)
    ] = False
    json: Annotated[
        bool, Parameter(help="Say it as one JSON object, and nothing else.", negative=(), show_default=False)
    ] = False

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Within the block the console is silent if it is to be; what others print does not get between the JSON."""
        before, console.quiet = console.quiet, self.quiet or self.json
        try:
            with redirect_stdout(sys.stderr) if self.json else nullcontext():
                yield
        finally:
            console.quiet = before

    def answer(self, answer: Answer) -> None:
        """Say what a command came to, where it has not said so itself."""
        if self.json:
            print(json_bytes(answer.content).decode(), end="")
        elif self.quiet:
            console.print(answer.outcome, soft_wrap=True)


ALOUD = Voice()
