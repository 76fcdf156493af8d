"""What a run looks like on the terminal: a progress bar, a line an epoch, tables that fit 80 columns.

Names come from people's data. The console takes no text for markup or the name of an emoji, and writes out what a terminal
would obey; a name that may hold newlines goes through `printable` where it stands in a line.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from reweigh.printable import printable, printable_lines
from reweigh.run.demo import Row
from reweigh.run.job.job import Job
from reweigh.tasks import MEASURES


class _Plain(Console):
    """A console to which a text is nothing but a text."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text, with what a terminal would obey written out."""
        return super().render_str(printable_lines(text), **options)


console = _Plain(highlight=False, markup=False, emoji=False)


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[tuple[Progress, TaskID]]:
    """A bar that goes away when the work is done; nothing is drawn where the output is no terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        yield progress, progress.add_task(what, total=total)


class Screen:
    """Shows a run of `reweigh train`: the `Watcher` of a terminal."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task, self._epochs, self._score = progress, task, 0, ""

    def note(self, sentence: str) -> None:
        """A sentence between the lines."""
        self._progress.console.print(printable(sentence))

    def started(self, job: Job) -> None:
        """What is about to be trained, and the heads of the columns."""
        self._epochs, self._score = job.epochs, job.task.score
        self._progress.update(self._task, total=job.steps, completed=job.epochs_done * job.steps_an_epoch)
        config, data = job.config, job.data
        wrong = 0 if data.truth is None else int(data.truth.sum())
        self.note(
            f"{config.data.name}: {len(data.train)} to train on{f' ({wrong} with a wrong label)' if wrong else ''}, "
            f"{len(data.clean)} clean, {len(data.test)} to test"
        )
        self.note(f"{config.student.model}, {config.weights.rule}, {job.steps} steps, epochs: {job.epochs}")
        self.note(f"The test column is the {MEASURES[self._score].words}.")
        self.note("    epoch     loss    clean      ‖v‖    ESS  zero  AUROC    test    sec")

    def step(self, done: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=done)

    def epoch(self, line: Mapping[str, Any]) -> None:
        """An epoch's line."""
        self.note(
            f"{line['epoch']:>4}/{self._epochs:<4} {_number(line['train_loss'], 8)} {_number(line['clean_loss'], 8)} "
            f"{_number(line['direction_norm'], 8)} {_number(line['effective_sample_size'], 6, 1)} "
            f"{_share(line['zero_share'], 5, 0)} {_number(line['auroc'], 6)} {self._tested(line)} "
            f"{line['seconds']:>6.1f}"
        )

    def _tested(self, line: Mapping[str, Any]) -> str:
        value = line[self._score]
        return _share(value, 7, 2) if MEASURES[self._score].share else _number(value, 7)


def demo_table(rows: Sequence[Row], seeds: int) -> Table:
    """The demo's result: accuracy at the last epoch and AUROC, mean and standard deviation over the seeds."""
    many = f"mean ± std of {seeds} seeds" if seeds > 1 else "one seed"
    result = Table(title=f"Digits, 40 % of the labels flipped to one class ({many})", min_width=70)
    result.add_column("trained by")
    result.add_column("test accuracy, last epoch", justify="right")
    result.add_column("AUROC of the weights", justify="right")
    for row in rows:
        auroc = "–" if row.auroc is None else f"{row.auroc:.3f} ± {row.auroc_std:.3f}"
        accuracy = f"{100 * row.accuracy:.1f} ± {100 * row.accuracy_std:.1f} %"
        result.add_row(row.name, accuracy, auroc, style="bold green" if row is rows[-1] else None)
    return result


def _number(value: float | None, width: int, digits: int = 3) -> str:
    return f"{'–':>{width}}" if value is None or value != value else f"{value:>{width}.{digits}f}"


def _share(value: float | None, width: int, digits: int) -> str:
    return f"{'–':>{width}}" if value is None else f"{100 * value:>{width - 1}.{digits}f}%"
