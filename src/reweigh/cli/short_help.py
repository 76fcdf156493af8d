"""`reweigh train -h`: the ten options that matter, at 80 columns; `--help` has them all."""

import textwrap
from typing import Any

import typer

TEN = ("train", "clean", "target", "dataset", "rule", "model", "epochs", "device", "output", "resume")
_WIDTH, _NAMES = 80, 14


def short_help(context: typer.Context, wanted: bool) -> None:
    """Print these options of the command as its own help describes them, and leave."""
    if not wanted:
        return
    options: dict[str, Any] = {param.name or "": param for param in context.command.params}
    print(f"Usage: {context.command_path} [OPTIONS]\n\n{_told(context.command.help)}\n")
    for name in TEN:
        lines = textwrap.wrap(options[name].help, _WIDTH - _NAMES, break_long_words=False)
        print(f"{'  ' + options[name].opts[0]:<{_NAMES}}" + f"\n{'':<{_NAMES}}".join(lines))
    print(f"\n`{context.command_path} --help` shows all {len(options) - 1} options.")
    raise typer.Exit


def _told(text: str | None) -> str:
    """The first two paragraphs: what the command does, and an example."""
    first = " ".join((text or "").split("\n\n")[0].split())
    example = " ".join((text or "").split("\n\n")[1].split())
    return f"{first}\n\n{textwrap.fill(example, _WIDTH, subsequent_indent='  ', break_on_hyphens=False)}"
