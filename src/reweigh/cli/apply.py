"""`reweigh apply`: decisions on suspects, and the cleaned data."""

import shlex
from pathlib import Path

from reweigh.apply.auto import SURE
from reweigh.apply.run import apply_run
from reweigh.apply.settings import SETTINGS
from reweigh.cli.live import working
from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.printable import printable
from reweigh.storage import home
from reweigh.words import counted, sentence


def apply(
    run: Path,
    decisions: Path | None = None,
    /,
    *,
    output: Path = Path("cleaned"),
    auto: Flag = False,
    sure: float = SURE,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Write the training data again with the labels that were decided on, and the checked set with what was reviewed.

    Example: reweigh apply runs/mine decisions.csv --output cleaned

    The folder gets the training data in the layout that they came in, the checked examples, what is held back for testing,
    changes.csv and settings.json, to train with again. The data that came in are left alone.

    Args:
        run: The folder of a finished run on your own data.
        decisions: What a reviewer decided: columns id, given, decision (keep, change or drop) and label.
        output: The folder to write.
        auto: Decide without a review what is sure enough.
        sure: With which probability such a decision has to be right.
        overwrite: Replace a folder that was written so before.
    """
    opened = {"data_root": data_root, "model": model, "task": task}
    with working("applying decisions"):
        applied = apply_run(run, decisions, output, auto=auto, sure=sure, overwrite=overwrite, **opened)
    if applied.automatic:
        console.print(sentence(applied.automatic))
    console.print(f"{'In all ' if applied.automatic else ''}{applied.sentence()}.")
    if applied.undecided:
        which = f"{counted(applied.undecided, 'row')} with another label and no decision"
        console.print(f"{which} left as found: write change beside a label that is meant.")
    console.print(f"{printable(applied.train)}: {applied.rows:,} rows to train on.", soft_wrap=True)
    console.print(f"{printable(applied.checked)}: {applied.checked_rows:,} checked.", soft_wrap=True)
    if applied.test is not None:
        console.print(
            f"{printable(applied.test)}: held back for testing, as before, so that scores can be compared.",
            soft_wrap=True,
        )
    named = "".join(f" --{name} {shlex.quote(said)}" for name, said in (("model", model), ("task", task)) if said)
    settings, again = applied.path / SETTINGS, home(run).with_name(f"{home(run).resolve().name}-cleaned")
    command = f"reweigh train --config {shlex.quote(str(settings))}{named} --output {shlex.quote(str(again))}"
    console.print(f"Next: {printable(command)}", soft_wrap=True)
    files = {"train": applied.train, "clean": applied.checked, "test": applied.test}
    return Answer(
        f"{applied.sentence()}.",
        {
            "output": str(applied.path),
            "said": applied.sentence(),
            "automatic": applied.automatic or None,
            "undecided": applied.undecided,
            "rows": applied.rows,
            "checked_rows": applied.checked_rows,
            "files": {name: str(path) for name, path in files.items() if path is not None},
            "next": [command],
        },
    )
