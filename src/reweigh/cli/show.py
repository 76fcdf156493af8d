"""The console that all commands print on, and tables that fit 80 columns.

Names come from people's data. The console takes no text for markup or the name of an emoji, and writes out what a terminal
would obey; a name that may hold newlines goes through `printable` where it stands in a line.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reweigh.printable import printable_lines
from reweigh.run.demo import Row


class _Plain(Console):
    """A console to which a text is nothing but a text."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text, with what a terminal would obey written out."""
        return super().render_str(printable_lines(text), **options)


console = _Plain(highlight=False, markup=False, emoji=False)


@contextmanager
def console_for(is_main: bool) -> Iterator[None]:
    """Within the block a process that is not the main one says nothing, and warns of nothing: the main one does."""
    before, console.quiet = console.quiet, console.quiet or not is_main
    try:
        with warnings.catch_warnings():
            if not is_main:
                warnings.simplefilter("ignore")
            yield
    finally:
        console.quiet = before


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
