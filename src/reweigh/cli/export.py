"""`reweigh export`: what a run has learnt, for other programs."""

from pathlib import Path

from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.exchange import export_weights
from reweigh.printable import printable


def export(
    run: Path,
    target: Path,
    /,
    *,
    to: str,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
) -> None:
    """Write a run's training pairs with their weights as another trainer takes them.

    Example: reweigh export runs/de-en weighed/corpus --to marian

    Args:
        run: The folder of a finished run on pairs of texts.
        target: What the names of the files begin with.
        to: marian, opennmt-tf, opennmt-py, opusfilter or hf.
        overwrite: Replace files that are there.
    """
    found = export_weights(run, target, to, overwrite=overwrite, data_root=data_root, model=model, task=task)
    for path in found.paths:
        console.print(printable(path), soft_wrap=True)
    for step in found.steps:
        console.print(f"To use them: {printable(step)}.", soft_wrap=True)
