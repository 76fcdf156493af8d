"""`reweigh export` and `reweigh import`: suspects for another tool, and decisions from it."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from reweigh.apply import write_decisions
from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.exchange import FORMATS, export_run, import_decisions
from reweigh.printable import printable
from reweigh.storage import home
from reweigh.tables import check_output

Tool: TypeAlias = Literal[tuple(FORMATS)]  # type: ignore[valid-type]


def export(
    run: Path,
    file: Path,
    /,
    *,
    to: Annotated[Tool, Parameter(help=f"The tool: {', '.join(FORMATS)}.")] = "label-studio",
    top: int | None = None,
    root: Path | None = None,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
) -> None:
    """Write the suspects for a tool that people review with, each with the label that is likely instead.

    Example: reweigh export runs/mine --to label-studio tasks.json

    Args:
        run: The folder of a finished run on your own data.
        file: The file to write.
        top: How many suspects; those that look wrong, 200 at most, if left out.
        root: The folder that the tool shows pictures from; the one above the training folder if left out.
        overwrite: Replace the file.
    """
    opened = {"data_root": data_root, "model": model, "task": task}
    found = export_run(run, file, to, top=top, root=root, overwrite=overwrite, **opened)
    console.print(f"{found.examples} suspects: {printable(found.path)}", soft_wrap=True)
    for number, step in enumerate(found.steps, 1):
        console.print(f"{number}. {printable(step)}.", soft_wrap=True)


def import_(
    run: Path,
    file: Path,
    /,
    *,
    of: Annotated[Tool, Parameter(name="--from", help="The tool that it comes from.")] = "label-studio",
    output: Path = Path("decisions.csv"),
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
) -> None:
    """Make decisions of what annotators said in another tool, for `reweigh apply`.

    Example: reweigh import runs/mine annotations.json --output decisions.csv

    Args:
        run: The folder of the run whose suspects were exported.
        file: What the tool exported.
        output: The decisions.
        overwrite: Replace that file.
    """
    output = home(output)
    check_output(output, overwrite=overwrite)
    found = import_decisions(run, file, of, data_root=data_root, model=model, task=task)
    write_decisions(output, found.decisions, overwrite=overwrite)
    console.print(f"{found.sentence()}.")
    console.print(f"Next: reweigh apply {printable(run)} {printable(output)} --output cleaned", soft_wrap=True)
