"""`reweigh train -h`: the ten options that matter, at 80 columns; `--help` has them all."""

import textwrap
from collections.abc import Callable
from inspect import cleandoc

from cyclopts import App

TEN = ("train", "clean", "target", "dataset", "rule", "model", "epochs", "device", "output", "resume")
_WIDTH, _NAMES = 80, 14


def print_short_help(command: Callable[..., object]) -> None:
    """Print these options of the command as its own help describes them."""
    app, name = App(default_command=command), command.__name__
    options = {
        option.name.removeprefix("--"): option.parameter.help or "" for option in app.assemble_argument_collection()
    }
    print(f"Usage: reweigh {name} [OPTIONS]\n\n{_told(app.help)}\n")
    for option in TEN:
        lines = textwrap.wrap(options[option], _WIDTH - _NAMES, break_long_words=False)
        print(f"{f'  --{option}':<{_NAMES}}" + f"\n{'':<{_NAMES}}".join(lines))
    print(f"\n`reweigh {name} --help` shows all {len(options)} options.")


def _told(text: str) -> str:
    """The first two paragraphs: what the command does, and an example."""
    first, example, *_ = (" ".join(part.split()) for part in cleandoc(text).split("\n\n"))
    return f"{first}\n\n{textwrap.fill(example, _WIDTH, subsequent_indent='  ', break_on_hyphens=False)}"
