"""`reweigh predict`: a finished run's model on new data."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from reweigh.cli.show import NAMED_AGAIN, console
from reweigh.predict import Predicted, columns, predict_new
from reweigh.printable import printable
from reweigh.storage import home
from reweigh.tables import check_output, write_table
from reweigh.training.tasks import SCORES, score_text

MOST_CLASSES = 20


def predict(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run on your own data.", show_default=False)],
    new: Annotated[Path, typer.Argument(help="New data, of the same kind; no target needed.", show_default=False)],
    output: Annotated[
        Path, typer.Option(help="The predictions, FILE.csv or FILE.parquet.", show_default="predictions.csv")
    ] = Path("predictions.csv"),
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="A column for each class's probability as well.")
    ] = False,
    model: Annotated[str | None, typer.Option(help=NAMED_AGAIN, show_default=False)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the output file.")] = False,
) -> None:
    """Say what a trained model makes of new data, row by row.

    Example: reweigh predict runs/mine new.csv --output predictions.csv
    """
    output = home(output)
    check_output(output, overwrite=overwrite)
    found = predict_new(run, new, model=model)
    for sentence in found.data.notes:
        console.print(printable(sentence))
    table = columns(found, each=probabilities)
    write_table(output, table, overwrite=overwrite)
    console.print(counts_table(found, table))
    if found.scores:
        told = ", ".join(f"{SCORES[name]} {score_text(name, value)}" for name, value in found.scores.items())
        console.print(f"Against the targets in {printable(new)}: {told}.", soft_wrap=True)
    console.print(f"All {len(found)} predictions: {printable(output)}", soft_wrap=True)


def counts_table(found: Predicted, table: dict[str, Any]) -> Table:
    """How often each class was said; of a regression the range of values."""
    shown = Table(min_width=40)
    if found.encoding.task == "regression":
        for name in ("least", "mean", "most"):
            shown.add_column(name, justify="right")
        shown.add_row(
            *(f"{float(value):.6g}" for value in (found.values.min(), found.values.mean(), found.values.max()))
        )
        return shown
    shown.add_column("prediction", overflow="fold")
    shown.add_column("examples", justify="right")
    for name, count in Counter(table["prediction"]).most_common(MOST_CLASSES):
        shown.add_row(printable(name) or "(none)", str(count))
    return shown
