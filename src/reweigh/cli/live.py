"""The live line: what is done at the moment, how far it is, and how long it will take. And those who write on it.

Where the output is no terminal nothing is repainted: what begins is said once, and of a run at most ten epochs.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from reweigh.cli.show import console
from reweigh.printable import printable
from reweigh.run.watcher import Plan, Silent
from reweigh.tasks import MEASURES, score_text

MOST_NOTES, LINES = 4, 10
"""So many sentences are said before training on a terminal, and so many of its epochs elsewhere."""
LEGEND = (
    "Columns: mean loss of training and of checked examples; ‖v‖, the length of the clean gradient; ESS, how many examples "
    "of a batch count; zero, how many have no weight; {}test, the {}; seconds."
)


class _Left(TimeRemainingColumn):
    """The time that is left, once it can be told."""

    def render(self, task: Task) -> Text:
        """With the word behind it."""
        told = super().render(task)
        return Text(f"{told.plain} left") if told.plain.strip("-:") else Text()


class Line:
    """The live line of a terminal; it goes away when the work is done. Elsewhere nothing is drawn."""

    def __init__(self) -> None:
        self.drawn = console.is_terminal and not console.quiet
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
            BarColumn(bar_width=None),
            _Left(compact=True, table_column=Column(no_wrap=True)),
            console=console,
            transient=True,
            disable=not self.drawn,
            redirect_stderr=sys.stderr.isatty(),  # a warning stands above the line
        )
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, words: str, steps: int | None = None, done: int = 0) -> None:
        """Something of so many steps begins; None where nobody counts them."""
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(printable(words), total=steps, completed=done)

    def show(self, words: str) -> None:
        """The same goes on under other words."""
        self._progress.update(self._task, description=printable(words))

    def step(self, done: int) -> None:
        """So many steps are done."""
        self._progress.update(self._task, completed=done)


@contextmanager
def working(words: str) -> Iterator[None]:
    """Within the block the line says what is being done, where nobody counts how far it is."""
    with Line() as line:
        line.begin(words)
        yield


class Screen(Silent):
    """Shows a run of `reweigh train` as its `Watcher`; `notes` are the sentences that were worth saying."""

    def __init__(self, line: Line, *, verbose: bool = False) -> None:
        self.notes = list[str]()
        self._line, self._verbose, self._what = line, verbose, ""
        self._made = self._left_out = 0
        self._plan: Plan | None = None

    def note(self, sentence: str, in_full: str = "") -> None:
        """A sentence above the line; on a terminal, before training, the first few and what there is more to say of."""
        self.notes.append(in_full or sentence)
        few = self._line.drawn and not self._verbose and self._plan is None
        if not few or in_full or len(self.notes) <= MOST_NOTES:
            _say(in_full if self._verbose and in_full else sentence)
        else:
            self._left_out += 1

    def phase(self, what: str, part: str = "", steps: int | None = None, turn: tuple[int, int] = (1, 1)) -> None:
        """What takes a while, in the line; where there is none, once."""
        number, most = turn
        told = what if most == 1 else f"{what} {number}/{most}"
        whole = f"{told}: {part}" if part else told
        self._made = 0 if steps is None else (number - 1) * steps
        self._line.begin(whole, None if steps is None else most * steps, self._made)
        if self._verbose:
            _say(whole)
        elif not self._line.drawn and what != self._what:
            _say(what)
        self._what = what

    def started(self, plan: Plan) -> None:
        """What is about to be trained."""
        if self._left_out:
            _say(f"{self._left_out} more such sentences: --verbose says them")
        self._plan, self._made = plan, 0
        _say(plan.sentence)
        self._line.begin(f"epoch {min(plan.epochs, _next(plan))}/{plan.epochs}", plan.steps, plan.done)
        if self._verbose:
            auroc = "" if plan.wrong is None else "AUROC, how well weights tell wrong labels; "
            _say(f"{plan.model}, {plan.rule}, {plan.steps} steps, {plan.epochs} epochs")
            _say(LEGEND.format(auroc, MEASURES[plan.score].words))
            known = "" if plan.wrong is None else "  AUROC"
            console.print(f"    epoch     loss    clean      ‖v‖    ESS  zero{known}    test    sec")

    def step(self, done: int) -> None:
        """Move the bar."""
        self._line.step(self._made + done)

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch in the line; where there is none, one of ten; a row of the table where all are asked for."""
        assert self._plan is not None
        plan, epoch = self._plan, line["epoch"]
        told = (f"loss {_number(line['train_loss'])}", f"{MEASURES[plan.score].words} {_score(plan.score, line)}")
        self._line.show(f"epoch {min(plan.epochs, epoch + 1)}/{plan.epochs}  {'  '.join(told)}")
        if self._verbose:
            console.print(_row(line, plan))
        elif not self._line.drawn and epoch * LINES // plan.epochs > (epoch - 1) * LINES // plan.epochs:
            console.print(f"epoch {epoch} of {plan.epochs}: {', '.join(told)}")


def _next(plan: Plan) -> int:
    return plan.done * plan.epochs // max(plan.steps, 1) + 1


def _say(sentence: str) -> None:
    console.print(printable(sentence))


def _row(line: Mapping[str, Any], plan: Plan) -> str:
    auroc = "" if plan.wrong is None else f" {_number(line['auroc'], 6)}"
    return (
        f"{line['epoch']:>4}/{plan.epochs:<4} {_number(line['train_loss'], 8)} {_number(line['clean_loss'], 8)} "
        f"{_number(line['direction_norm'], 8)} {_number(line['effective_sample_size'], 6, 1)} "
        f"{_share(line['zero_share'], 5)}{auroc} {_score(plan.score, line):>7} {line['seconds']:>6.1f}"
    )


def _score(name: str, line: Mapping[str, Any]) -> str:
    return score_text(name, line[name], 1 if MEASURES[name].share else 2)


def _number(value: float | None, width: int = 0, digits: int = 3) -> str:
    return f"{'–':>{width}}" if value is None or value != value else f"{value:>{width}.{digits}f}"


def _share(value: float | None, width: int) -> str:
    return f"{'–':>{width}}" if value is None else f"{100 * value:>{width - 1}.0f}%"
