"""What a practitioner picks instead, by how many examples are checked: tables and a picture from the results of `cifar.py`.

python recipes/cifar.py DATA --cache FEATURES --kinds uniform-40 pair-40 --checked 20 100 500 1000 5000   # the runs
python recipes/cifar_sizes.py            # docs/results_cifar.md and docs/images/cifar_checked.png
"""

import argparse
import statistics
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from matplotlib.figure import Figure

from cifar import NOT_RUN, RESULTS, Found, Setting, kinds_of, results_in, runs_of, settings_of
from cifar_page import BASE, BEST, DOCS, SIMPLE
from reweigh.storage import write_bytes
from runs import as_markdown, cell, save, with_table

BEGIN, END = "<!-- table, by recipes/cifar_sizes.py -->\n", "<!-- end of the sizes -->"
SHOWN = {
    BEST: ("black", "--"),
    BASE: ("black", "-"),
    "cleanlab, pruned": ("#8a8a8a", "-"),
    "checked only": ("#c98a2b", "-"),
    "linear, checked only": ("#c98a2b", ":"),
    SIMPLE: ("#b64e3b", "-"),
    "L2RW": ("#7fa7d9", "-"),
    "meta-weight-net": ("#3b6fb6", ":"),
    "teacher, interaction": ("#3b6fb6", "--"),
    "judged": ("#3b6fb6", "-"),
}
"""Rows, and how each is drawn."""
LEAST, FEW = 3, 6.0
"""A row is drawn where it was run with so many sizes; and what lies so many points below plain training is left out."""


def sizes_of(results: Found, like: Setting) -> dict[int, Setting]:
    """Settings that differ in the number of checked examples alone, by that."""
    return {one.checked: one for one in settings_of(results) if one == like._replace(checked=one.checked)}


def accuracies(results: Found, sizes: dict[int, Setting], kind: str, row: str) -> dict[int, list[float]]:
    """Of all seeds, by the number of checked examples; where there is no run, none."""
    each = {size: runs_of(results, of, kind, row).values() for size, of in sizes.items()}
    return {size: [one["accuracy"] for one in runs] for size, runs in each.items()}


def table(results: Found, sizes: dict[int, Setting], kind: str) -> list[list[str]]:
    """A line a row, a column for each number of checked examples: accuracy, mean ± standard deviation over the seeds."""
    lines = [[f"{kind}, accuracy in %", *(f"{size:,} checked" for size in sizes)]]
    for row in SHOWN:
        each = accuracies(results, sizes, kind, row).values()
        if any(each):
            lines.append([row, *(cell(values) if values else NOT_RUN for values in each)])
    return lines


def picture(results: Found, sizes: dict[int, Setting], kinds: Sequence[str]) -> Figure:
    """Accuracy over the number of checked examples: a panel a kind, a line a row, a band of one standard deviation."""
    figure = Figure(figsize=(1.8 + 3.6 * len(kinds), 4.2), layout="constrained")
    panels = figure.subplots(1, len(kinds), squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        for row, (colour, style) in SHOWN.items():
            there = {size: values for size, values in accuracies(results, sizes, kind, row).items() if values}
            if len(there) < LEAST:
                continue
            means = [statistics.fmean(values) for values in there.values()]
            spreads = [statistics.stdev(values) if len(values) > 1 else 0.0 for values in there.values()]
            axes.plot(list(there), means, color=colour, linestyle=style, label=row, marker="o", markersize=3)
            axes.fill_between(
                list(there), [a - s for a, s in zip(means, spreads, strict=True)],
                [a + s for a, s in zip(means, spreads, strict=True)], color=colour, alpha=0.12, linewidth=0,
            )  # fmt: skip
        axes.set(title=kind, xscale="log", xlabel="checked examples", ylim=limits(results, sizes, kind))
        axes.set_xticks(list(sizes), [f"{size:,}" for size in sizes])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("test accuracy in %")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right center", fontsize=9, frameon=False)
    return figure


def limits(results: Found, sizes: dict[int, Setting], kind: str) -> tuple[float, float]:
    """From a little below plain training to a little above the best: what few checked examples alone give is far below."""
    every = {row: list(chain(*accuracies(results, sizes, kind, row).values())) for row in SHOWN}
    top = max((value for values in every.values() for value in values), default=100.0)
    return min(every[BASE] or [top]) - FEW, top + 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Tables and a picture by the number of checked examples.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--data", default="cifar10")
    parser.add_argument("--network", default="features")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--page", type=Path, default=DOCS / "results_cifar.md")
    parser.add_argument("--picture", type=Path, default=DOCS / "images" / "cifar_checked.png")
    args = parser.parse_args(arguments)
    results = results_in(args.results)
    sizes = sizes_of(results, Setting(args.data, args.network, 0, args.steps))
    few = [of for size, of in sizes.items() if size != 1_000]
    kinds = list(dict.fromkeys(kind for of in few for kind in kinds_of(results, of)))
    told = "\n".join(as_markdown(table(results, sizes, kind)) for kind in kinds)
    write_bytes(args.page, with_table(args.page.read_text("utf-8"), told, BEGIN, END).encode())
    if kinds:
        save(picture(results, sizes, kinds), args.picture)


if __name__ == "__main__":
    main()
