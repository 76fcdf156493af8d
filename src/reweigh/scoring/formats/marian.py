"""Marian: both sides and a file of weights, line by line, for `--data-weighting`.

Marian divides by the labels as they are counted, whatever they weigh, so the mean weight is one. An empty line of
weights would be read as any number: each has one.
"""

from pathlib import Path

from reweigh.scoring.formats.rows import Rows

SOURCE, TARGET, WEIGHTS = "weighed.source", "weighed.target", "weighed.weights"


class Marian:
    """Three files of as many lines."""

    name = "marian"

    def write(self, rows: Rows, folder: Path) -> list[str]:
        """Prompts are sources, responses targets.

        Raises:
            BadInput: for a row that is no pair.
        """
        names = (SOURCE, TARGET, WEIGHTS)
        source, target, weights = ((folder / name).open("w", encoding="utf-8", newline="\n") for name in names)
        with source, target, weights:
            for one in rows:
                for file, text in zip((source, target), rows.columns.pair(one.row, one.where), strict=True):
                    file.write(f"{_line(text)}\n")
                weights.write(f"{one.weight:.6f}\n")
        return list(names)

    def step(self, folder: Path) -> str:
        """The options."""
        source, target, weights = (folder / name for name in (SOURCE, TARGET, WEIGHTS))
        return f"train with `marian -t {source} {target} --data-weighting {weights} --data-weighting-type sentence ...`"


def _line(text: str) -> str:
    """Without what would end a line, or a field."""
    return " ".join(text.replace("\t", " ").replace("\r", " ").split("\n"))
