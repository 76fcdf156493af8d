"""`reweigh report`."""

from pathlib import Path
from typing import Annotated

import typer

from reweigh.cli.show import NAMED_AGAIN, TASK_AGAIN, console
from reweigh.printable import printable
from reweigh.report import write_report


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.", show_default=False)],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="The folder of another run on the same data; may be repeated.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The page; otherwise report.html in the run's folder.", show_default=False)
    ] = None,
    data_root: Annotated[
        str | None, typer.Option(help="Where data sets lie, if not where the run found them.", show_default=False)
    ] = None,
    model: Annotated[str | None, typer.Option(help=NAMED_AGAIN, show_default=False)] = None,
    task: Annotated[str | None, typer.Option(help=TASK_AGAIN, show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that --output names.")] = False,
) -> None:
    """Write a run as one HTML page: score, curves, weights, the most distrusted examples, noise by class.

    Example: reweigh report runs/l2rw --against runs/plain --against runs/random
    """
    page = write_report(
        run, output, against=against or (), data_root=data_root, overwrite=overwrite, model=model, task=task
    )
    console.print(f"Open {printable(page)} in a browser; it needs no network.", soft_wrap=True)
