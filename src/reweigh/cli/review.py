"""`reweigh review`."""

from pathlib import Path

from reweigh.cli.live import working
from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.printable import printable
from reweigh.review import write_review


def review(
    run: Path,
    /,
    *,
    top: int | None = None,
    output: Path | None = None,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Write the suspects as one HTML page on which you decide: keep, change or drop each label.

    Example: reweigh review runs/mine

    Args:
        run: The folder of a finished run.
        top: How many examples; otherwise those whose label looks wrong, and at least 100.
        output: The page; otherwise review.html in the run's folder.
        overwrite: Replace the file that --output names.
    """
    with working("looking for labels that look wrong"):
        page = write_review(run, output, count=top, data_root=data_root, overwrite=overwrite, model=model, task=task)
    said = "it needs no network, and saves what you decide as decisions.csv"
    console.print(f"Open {printable(page)} in a browser; {said}.", soft_wrap=True)
    return Answer(printable(page), {"run": str(run), "page": str(page)})
