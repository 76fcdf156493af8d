"""The commands and their options."""

from typing import Annotated

import typer

from reweigh._version import __version__
from reweigh.cli.audit import audit
from reweigh.cli.demo import demo
from reweigh.cli.predict import predict
from reweigh.cli.report import report
from reweigh.cli.train import train

app = typer.Typer(
    help="Learn which training examples to trust: exact example weights from a small clean set.",
    epilog="Start with `reweigh demo`: about a minute, no download.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"reweigh {__version__}")
        raise typer.Exit


@app.callback()
def reweigh(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Learn which training examples to trust: exact example weights from a small clean set."""


app.command()(demo)
app.command(context_settings={"help_option_names": ["--help"]})(train)
app.command()(audit)
app.command()(report)
app.command()(predict)
