"""`reweigh.fit`: a run, from data in memory or in files, with the settings of `reweigh train`."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reweigh.api.given import Given
from reweigh.api.objects import named_objects
from reweigh.api.run import Run
from reweigh.api.watcher import Printing
from reweigh.api.words import in_python, said_in_python
from reweigh.distributed import alone
from reweigh.errors import BadInput
from reweigh.rules import Rule
from reweigh.run import Callback
from reweigh.run.begun import goes_on
from reweigh.run.folder import run_folder as files
from reweigh.run.folder.run_folder import RunFolder
from reweigh.run.start import Interrupted, start
from reweigh.run.start import resume as resume_run
from reweigh.run.together import restarted, started, together
from reweigh.run.world import World
from reweigh.settings import Settings
from reweigh.storage import home
from reweigh.tasks import Task
from reweigh.verdict import verdict_after


def fit(
    train: Any = None,
    *,
    clean: Any = None,
    test: Any = None,
    target: str | list[str] | None = None,
    rule: str | Rule | type[Rule] | None = None,
    model: str | nn.Module | Callable[..., nn.Module] | None = None,
    task: str | type[Task] | None = None,
    output: Path | str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    verbose: bool = True,
    quick: bool = False,
    callbacks: Sequence[Callback] = (),
    **settings: Any,
) -> Run:
    """Train a model that learns which examples to trust, as `reweigh train` does; returns the finished run.

    Args:
        train: what to learn from: a pandas or polars frame, a data set of `datasets`, an Arrow table, a dict of columns, a
            pair (x, y) of arrays (N, ...) and (N,) or (N, L), a path to what `reweigh train` reads, or an object that
            hands out examples: `reweigh.data.Source`.
        clean: the checked examples: the same kind of thing; or which rows of `train` they are: a mask (N,), row numbers,
            labels of a pandas index, or the name of a column that says so.
        test: examples that give the score; without it 30 % of the checked ones are held back.
        target: the column to learn, or several for labels that may stand together.
        rule: how to weigh: a name (`reweigh train --help` has them all, and the default), a rule, or a class of rules.
        model: what to train: a name, a module, or a function from (input_shape, outputs) to one. A module stays as it is: a
            copy starts from its state, and is `Run.model` in the end.
        task: what is learnt, where the target does not say it: a name, or a class of tasks.
        output: the run's folder; without one the run lives in a temporary folder, as long as the returned object does.
        overwrite: replace the run in that folder.
        resume: go on with the run in that folder; data and settings may be left out, and must else be the same.
        verbose: print what was found in the data and a line an epoch. `Run.notes` has the sentences in any case.
        quick: leave out the comparison with other ways at the end; `Run.verdict()` makes it later.
        callbacks: told of every step and epoch, and may end training: `reweigh.run.Callback`, `reweigh.run.loggers`.
        **settings: as the options of `reweigh train`, with underscores: `epochs=10`, `text="title"`,
            `dataset="digits"`, `noise="background:0.4"`, ...

    Started by torchrun in several processes it trains one run with all of them: each has to be given the same, and an
    `output` that all of them see; each returns the finished run.

    Raises:
        BadInput: a sentence that says which argument or which data cannot be used.
        KeyboardInterrupt: on ctrl-C; what was saved in `output` stays there.
    """
    if output is None and started() > 1:
        raise BadInput("several processes train one run, and its folder is theirs together: name it by output=")
    kept = tempfile.TemporaryDirectory(prefix="reweigh-") if output is None else None
    if kept is not None and (resume or overwrite):
        raise BadInput("resume= and overwrite= are about a run's folder: name it by output=")
    folder = home(output or "") if kept is None else Path(kept.name)
    with together() as is_main:
        given, watcher = Given(folder.absolute() / files.DATA, writes=is_main), Printing(verbose and is_main)
        with said_in_python(given.places), _threads_kept():
            if is_main and not (resume or restarted()):
                RunFolder(folder).check_free(overwrite=overwrite)
            named, objects = named_objects(model, rule, task, settings)
            wanted = {name: value for name, value in {**settings, **named}.items() if value is not None}
            try:
                config = same_in_all({**wanted, **given.settings(train, clean, test, _joined(target), wanted)})
                watcher.begin(given.places, given.notes)
                if resume or goes_on(folder, config, overwrite=overwrite):
                    resume_run(folder, config, watcher, callbacks=callbacks, objects=objects)
                else:
                    chosen = Settings.of(**config)
                    start(chosen, folder, watcher, overwrite=overwrite, callbacks=callbacks, objects=objects)
                if is_main and not quick:
                    _compare(folder, watcher, model, task)
            except Interrupted as stopped:
                lost = "" if kept is None else "; its folder was temporary: name one by output= to keep what is done"
                raise KeyboardInterrupt(in_python(str(stopped), given.places) + lost) from None
            except BaseException:
                if is_main and not (folder / files.CONFIG).exists():
                    given.undo()
                raise
    return Run(folder, model=model, kept=kept, notes=watcher.notes, sources=given.sources)


def _compare(folder: Path, watcher: Printing, model: Any, task: str | type[Task] | None) -> None:
    """The verdict, by the first process alone."""
    with alone():
        said = verdict_after(folder, watcher, model, task)
    if said is not None:
        watcher.note(f"verdict: {said.sentence}")


def same_in_all(config: dict[str, Any]) -> dict[str, Any]:
    """The settings of the first process, which all have to have been given: data in memory are called by their content.

    Raises:
        BadInput: naming what another process was given otherwise.
    """
    first = World.here("cpu").from_main(config)
    missing = object()
    if other := [name for name in {**first, **config} if first.get(name, missing) != config.get(name, missing)]:
        raise BadInput(
            f"processes were given other things under {', '.join(f'{name}=' for name in other)}: make the same data and "
            "settings in each of them, say by a seed"
        )
    return config


def _joined(target: Any) -> str | None:
    return target if target is None or isinstance(target, str) else ",".join(map(str, target))


@contextmanager
def _threads_kept() -> Iterator[None]:
    """What a run sets for the whole process is put back: a notebook goes on after it."""
    cudnn = torch.backends.cudnn
    threads, before = torch.get_num_threads(), (cudnn.deterministic, cudnn.benchmark)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        cudnn.deterministic, cudnn.benchmark = before
