"""`reweigh export` and `reweigh import`: suspects for another tool, and decisions from it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from reweigh.apply import write_decisions
from reweigh.cli.live import working
from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.errors import BadInput
from reweigh.exchange import FORMATS, TRAINERS, export_run, export_weights, import_decisions
from reweigh.printable import printable
from reweigh.storage import home
from reweigh.tables import check_output

Tool: TypeAlias = Literal[tuple(FORMATS)]  # type: ignore[valid-type]
Program: TypeAlias = Literal[(*FORMATS, *TRAINERS)]  # type: ignore[valid-type]


def export(
    run: Path,
    file: Path,
    /,
    *,
    to: Annotated[Program, Parameter(help=f"The program: {', '.join((*FORMATS, *TRAINERS))}.")] = "label-studio",
    top: int | None = None,
    root: Path | None = None,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Write what a run has learnt as another program takes it: suspects to review, or pairs of texts with their weights.

    Example: reweigh export runs/mine tasks.json --to label-studio

    Args:
        run: The folder of a finished run on your own data.
        file: The file to write; for trainers of translation what the names of theirs begin with.
        top: How many suspects; those that look wrong, 200 at most, if left out.
        root: The folder that the tool shows pictures from; the one above the training folder if left out.
        overwrite: Replace the file.
    """
    opened = {"data_root": data_root, "model": model, "task": task}
    if to in TRAINERS:
        if top is not None or root is not None:
            raise BadInput(f"--top and --root are for suspects to review, and {to} takes all pairs: leave them out")
        with working("looking for labels that look wrong"):
            written = export_weights(run, file, to, overwrite=overwrite, **opened)
        for path in written.paths:
            console.print(printable(path), soft_wrap=True)
        for step in written.steps:
            console.print(f"To use them: {printable(step)}.", soft_wrap=True)
        return _files(written.paths, written.steps)
    with working("looking for labels that look wrong"):
        found = export_run(run, file, to, top=top, root=root, overwrite=overwrite, **opened)
    console.print(f"{found.examples} suspects: {printable(found.path)}", soft_wrap=True)
    for number, step in enumerate(found.steps, 1):
        console.print(f"{number}. {printable(step)}.", soft_wrap=True)
    return _files([found.path], found.steps)


def _files(paths: Sequence[Path], steps: Sequence[str]) -> Answer:
    return Answer("\n".join(map(printable, paths)), {"files": [str(path) for path in paths], "steps": list(steps)})


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
    voice: Voice = ALOUD,
) -> Answer:
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
    command = f"reweigh apply {printable(run)} {printable(output)} --output cleaned"
    console.print(f"Next: {command}", soft_wrap=True)
    return Answer(f"{found.sentence()}.", {"output": str(output), "said": found.sentence(), "next": [command]})
