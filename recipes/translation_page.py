"""The table and the picture of `translation.py`, from its results.

python recipes/translation_page.py            # docs/results_translation.md and docs/images/translation_trust.png
"""

import argparse
import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from reweigh.storage import write_bytes
from runs import as_markdown, read_results, save, with_table
from translation import BINS, NOT_RUN, RESULTS, Job, table

DOCS = RESULTS.parent.parent
BEGIN, END = "<!-- table, by recipes/translation_page.py -->\n", "<!-- end of the table -->"
BLUE, ORANGE = "#3b6fb6", "#e07b39"
ACROSS = 3


def picture(results: dict[Job, dict[str, Any]]) -> Figure:
    """How far right and wrong pairs are trusted, of each row that has told them apart, where targets are exchanged."""
    shown = {
        job.row: result
        for job, result in results.items()
        if job.kind == "exchanged" and job.how == "replaced" and result.get("trust_of_wrong")
    }
    across, down = min(len(shown), ACROSS) or 1, math.ceil(len(shown) / ACROSS) or 1
    figure = Figure(figsize=(4.2 * across, 3.0 * down), layout="constrained")
    for axes in figure.subplots(down, across, squeeze=False).flatten()[len(shown) :]:
        axes.set_visible(False)
    for axes, (row, result) in zip(figure.axes, shown.items(), strict=False):
        places = [(place + 0.5) / BINS for place in range(BINS)]
        right, wrong = result["trust_of_right"], result["trust_of_wrong"]
        axes.bar(places, right, 1 / BINS, color=BLUE, label="right pairs")
        axes.bar(places, wrong, 1 / BINS, bottom=right, color=ORANGE, label="targets exchanged")
        axes.set(title=row, xlabel="how far a pair is trusted", xlim=(0, 1))
    first = figure.axes[0]
    first.set_ylabel("pairs")
    if shown:
        first.legend(frameon=False)
    return figure


def as_page(rows: list[list[str]]) -> str:
    """The rows that were run, and below them which were not."""
    head, *rest = rows
    missing: dict[str, list[str]] = {}
    for row in rest:
        if NOT_RUN in row:
            missing.setdefault(", ".join(row[:2]), []).append(row[2])
    lines = [f"Not run on {data}: {'; '.join(names)}.\n" for data, names in missing.items()]
    return "\n".join([as_markdown([head, *(row for row in rest if NOT_RUN not in row)]), *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description="The table and the picture of translation.py.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=DOCS / "results_translation.md")
    parser.add_argument("--picture", type=Path, default=DOCS / "images" / "translation_trust.png")
    args = parser.parse_args()
    results = read_results(args.results, Job)
    write_bytes(args.page, with_table(args.page.read_text("utf-8"), as_page(table(results)), BEGIN, END).encode())
    save(picture(results), args.picture)


if __name__ == "__main__":
    main()
