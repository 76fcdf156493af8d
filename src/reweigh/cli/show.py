"""What a run looks like on the terminal: a progress bar, a line an epoch, tables that fit 80 columns."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from reweigh.training.demo import Row
from reweigh.training.job import Job
from reweigh.training.tasks import NOT_SHARES, SCORES

console = Console(highlight=False)
PLAIN_WIDTH = 80


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
        self._progress.console.print(sentence, markup=False)

    def started(self, job: Job) -> None:
        """What is about to be trained, and the heads of the columns."""
        self._epochs, self._score = job.epochs, job.task.score
        self._progress.update(self._task, total=job.steps, completed=job.epochs_done * job.steps_an_epoch)
        config, data = job.config, job.data
        wrong = 0 if data.truth is None else int(data.truth.sum())
        self.note(
            f"{config.data_name}: {len(data.train)} to train on{f' ({wrong} with a wrong label)' if wrong else ''}, "
            f"{len(data.clean)} clean, {len(data.test)} to test"
        )
        self.note(f"{config.model}, {config.rule}, {job.steps} steps, epochs: {job.epochs}")
        self.note(f"The test column is the {SCORES[self._score]}.")
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
        return _number(value, 7) if self._score in NOT_SHARES else _share(value, 7, 2)


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
