"""`reweigh.load`: a finished run, opened again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from reweigh.api.run import Run
from reweigh.data.outside import hand_over, use_source
from reweigh.tasks import Task


def load(
    folder: Path | str,
    *,
    model: str | nn.Module | Callable[..., nn.Module] | None = None,
    task: str | type[Task] | None = None,
    data_root: Path | str | None = None,
    sources: Sequence[Any] = (),
) -> Run:
    """Open a finished run, made from Python or by `reweigh train`.

    Args:
        folder: the run's folder.
        model: the run's model, said again, where it is your own code or from Hugging Face; where it was a module: one of the
            same architecture, which stays as it is.
        task: the run's task, where it is your own: its class, or "module:Class".
        data_root: where its data lie now, if not where the run found them.
        sources: the sources that it learnt from, handed over again or named, "module:name", where they are your own code.

    Raises:
        BadInput: if there is no finished run, or a file of it is damaged.
    """
    for source in sources:
        use_source(source) if isinstance(source, str) else hand_over(source)
    return Run(folder, model=model, task=task, data_root=data_root, sources=sources)
