"""`reweigh predict`: a finished run's model on new data."""

from pathlib import Path
from typing import Any

from rich.table import Table

from reweigh.cli.live import working
from reweigh.cli.options import Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.predict import Predicted, columns, predict_new
from reweigh.printable import printable
from reweigh.storage import home
from reweigh.tables import check_output, write_lines, write_table
from reweigh.tasks import MEASURES, score_text
from reweigh.words import sentence


def predict(
    run: Path,
    new: Path,
    /,
    *,
    output: Path = Path("predictions.csv"),
    probabilities: Flag = False,
    beam: int = 1,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Say what a trained model makes of new data, row by row.

    Example: reweigh predict runs/mine new.csv --output predictions.csv

    Args:
        run: The folder of a finished run on your own data.
        new: New data, of the same kind; no target needed.
        output: The predictions, FILE.csv or FILE.parquet; or FILE.txt, them alone, one a line.
        probabilities: A column for each class's probability as well.
        beam: Of sequences: how many beginnings to follow at a time; 5 is usual where time allows.
        overwrite: Replace the output file.
    """
    output = home(output)
    check_output(output, overwrite=overwrite, text=True)
    with working("predicting"):
        found = predict_new(run, new, model=model, task=task, beam=beam)
    for note in found.data.notes:
        console.print(printable(note))
    table = columns(found, each=probabilities)
    if output.suffix.lower() == ".txt":
        write_lines(output, table["prediction"], overwrite=overwrite)
    else:
        write_table(output, table, overwrite=overwrite)
    console.print(counts_table(found, table))
    if found.scores:
        told = ", ".join(f"{MEASURES[name].words} {score_text(name, value)}" for name, value in found.scores.items())
        console.print(f"Against the targets in {printable(new)}: {told}.", soft_wrap=True)
        for name, signature in found.encoding.fitted.scored_by.items():
            console.print(f"{MEASURES[name].words}: {printable(signature)}", soft_wrap=True)
    if found.temperature is not None:
        console.print(sentence(found.temperature.sentence()))
    console.print(f"All {len(found)} predictions: {printable(output)}", soft_wrap=True)
    content = {"predictions": len(found), "scores": found.scores, "notes": list(found.data.notes)}
    return Answer(printable(output), {"run": str(run), "output": str(output), **content})


def counts_table(found: Predicted, table: dict[str, Any]) -> Table:
    """How often each class was said; of numbers their range."""
    overview = found.encoding.fitted.overview(found.values, table["prediction"])
    shown = Table(min_width=40)
    for name, number in zip(overview.heads, overview.numbers, strict=True):
        shown.add_column(name, **({"justify": "right"} if number else {"overflow": "fold"}))  # type: ignore[arg-type]
    for row in overview.rows:
        shown.add_row(*(printable(cell) or "(none)" for cell in row))
    return shown
