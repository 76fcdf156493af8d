"""`reweigh report`."""

from pathlib import Path

from reweigh.cli.live import working
from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.printable import printable
from reweigh.report import write_report


def report(
    run: Path,
    /,
    *,
    against: list[Path] | None = None,
    output: Path | None = None,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Write a run as one HTML page: the verdict, how dirty the labels are, all suspects, and how it was learnt.

    Example: reweigh report runs/l2rw --against runs/plain --against runs/random

    Args:
        run: The folder of a finished run.
        against: The folder of another run on the same data; may be repeated.
        output: The page; otherwise report.html in the run's folder.
        overwrite: Replace the file that --output names.
    """
    with working("writing the report"):
        page = write_report(
            run, output, against=against or (), data_root=data_root, overwrite=overwrite, model=model, task=task
        )
    console.print(f"Open {printable(page)} in a browser; it needs no network.", soft_wrap=True)
    return Answer(printable(page), {"run": str(run), "page": str(page)})
