"""The tables and the picture of `cifar.py`, from its results.

python recipes/cifar_page.py            # docs/results_cifar.md and docs/images/cifar_gains.png
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from cifar import NOT_RUN, RESULTS, ROWS, Found, Setting, kinds_of, results_in, runs_of, setting_of, settings_of, table
from cifar_networks import NETWORKS
from reweigh.storage import write_bytes
from runs import as_markdown, cell, save, with_table

DOCS = RESULTS.parent.parent
BEGIN, END = "<!-- table, by recipes/cifar_page.py -->\n", "<!-- end of the table -->"
BLUE, GREY = "#3b6fb6", "#8a8a8a"
BASE, BEST, SIMPLE = "plain + checked", "oracle filter", "fine-tuned"
LEARNED = (
    "L2RW", "smoothed", "meta-weight-net", "class-aware", "teacher, surface", "teacher, internal", "teacher, interaction",
    "judged", "judged-and-helpful", "drawn",
)  # fmt: skip


def ranks(results: Found, setting: Setting) -> list[list[str]]:
    """The AUROC of trust for right labels, a line for each row that tells any apart."""
    kinds = [kind for kind in kinds_of(results, setting) if kind != "clean"]
    lines = [["AUROC in %", *kinds]]
    for row in ROWS:
        each = [runs_of(results, setting, kind, row).values() for kind in kinds]
        values = [[100 * one["auroc"] for one in runs if one["auroc"] is not None] for runs in each]
        if any(values):
            lines.append([row, *map(cell, values)])
    return lines


def shares(results: Found, setting: Setting) -> list[list[str]]:
    """How many labels are wrong, in truth and as it was told, which is the same under all rows that judge.

    Then the least and the most that the intervals of all seeds leave open; and both where it was known what checked
    examples were called before.
    """
    ways = ("judged", "judged, seen before")
    lines = [["wrong labels in %", "in truth", "told", "intervals from", "to", "told, seen before", "from", "to"]]
    for kind in kinds_of(results, setting):
        every = [one for row in ROWS for one in runs_of(results, setting, kind, row).values()]
        truth = f"{100 * statistics.fmean(one['wrong'] for one in every):.1f}"
        told = [told_by(runs_of(results, setting, kind, way).values()) for way in ways]
        lines.append([kind, truth, *(column for columns in told for column in columns)])
    return lines


def told_by(runs: Iterable[dict[str, Any]]) -> list[str]:
    """What these runs told, and the ends of all their intervals."""
    there = list(runs)
    told = [one["right_told"] for one in there if one["right_told"]]
    if not told:
        return ["no number" if there else NOT_RUN, "", ""]
    low, high = ([100 * (1 - one[at]) for one in told] for at in (2, 1))
    return [cell([100 * (1 - one[0]) for one in told]), f"{min(low):.1f}", f"{max(high):.1f}"]


def gaps(results: Found, setting: Setting, kind: str, row: str, other: str) -> list[float]:
    """How far `row` is above `other`, seed by seed."""
    ours, theirs = (runs_of(results, setting, kind, name) for name in (row, other))
    return [ours[seed]["accuracy"] - theirs[seed]["accuracy"] for seed in ours if seed in theirs]


def bars(results: Found, setting: Setting) -> list[list[str]]:
    """The best learned row of each kind, in points above plain training with the checked examples, and above the filter.

    Chosen by the test examples, among the rows of most seeds, so that it is somewhat flattered; beside it what fine-tuning
    gains.
    """
    head = [f"{name} above {BASE}" for name in ("it", f"the {BEST}", SIMPLE)]
    lines = [["labels", "best learned row", head[0], f"it above the {BEST}", *head[1:]]]
    for kind in kinds_of(results, setting):
        found = {row: gaps(results, setting, kind, row, BASE) for row in LEARNED}
        most = max(map(len, found.values()))
        if most:
            best = max(
                (row for row in LEARNED if len(found[row]) == most), key=lambda row: statistics.fmean(found[row])
            )
            pairs = ((best, BASE), (best, BEST), (BEST, BASE), (SIMPLE, BASE))
            lines.append([kind, best, *(cell(gaps(results, setting, kind, *pair)) for pair in pairs)])
    return lines


def teachers(results: Found, setting: Setting) -> list[list[str]]:
    """What internal states add to a teacher, in points, seed by seed."""
    surface, internal, both = (f"teacher, {name}" for name in ("surface", "internal", "interaction"))
    lines = [["labels", "internal above surface", "internal and interaction above surface", f"the latter above {BASE}"]]
    pairs = ((internal, surface), (both, surface), (both, BASE))
    for kind in kinds_of(results, setting):
        lines.append([kind, *(cell(gaps(results, setting, kind, *pair)) for pair in pairs)])
    return lines


def picture(results: Found, setting: Setting) -> Figure:
    """Points above plain training with the checked examples: a panel a kind, a dot a row, bars of one standard deviation.

    Kinds that few rows were run with are left to the table.
    """
    rows = [row for row in reversed(ROWS) if row != BASE]
    ran = {kind: sum(bool(runs_of(results, setting, kind, row)) for row in rows) for kind in kinds_of(results, setting)}
    kinds = [kind for kind, count in ran.items() if 2 * count > max(ran.values())]
    figure = Figure(figsize=(2.2 + 1.7 * len(kinds), 4.6), layout="constrained")
    for axes, kind in zip(figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0], kinds, strict=True):
        found = [gaps(results, setting, kind, row, BASE) for row in rows]
        there = [place for place, values in enumerate(found) if values]
        means = [statistics.fmean(found[place]) for place in there]
        spreads = [statistics.stdev(found[place]) if len(found[place]) > 1 else 0.0 for place in there]
        colours = [BLUE if rows[place] in LEARNED or ROWS[rows[place]].seen else GREY for place in there]
        axes.axvline(0, color="black", linewidth=0.8)
        axes.hlines(there, [a - s for a, s in zip(means, spreads, strict=True)],
                    [a + s for a, s in zip(means, spreads, strict=True)], colors=colours)  # fmt: skip
        axes.scatter(means, there, c=colours, s=18, zorder=3)
        axes.set(title=kind, yticks=range(len(rows)), yticklabels=rows)
        axes.set_xlim(
            max(min(means, default=0) - 0.5, -4), max(means, default=1) + 0.5
        )  # what is far below says little
    figure.supxlabel(f"points above {BASE}", fontsize=10)
    return figure


def by_runs(results: Found) -> list[Setting]:
    """The settings that most rows were run with, those of most runs first; the others are for `cifar_sizes.py`."""
    counts = Counter(map(setting_of, results))
    rows = Counter(one for one, _ in {(setting_of(job), job.row) for job in results})
    most = max(rows.values(), default=0)
    return sorted((one for one in settings_of(results) if 2 * rows[one] > most), key=lambda setting: -counts[setting])


def as_page(results: Found) -> str:
    """The tables of each setting, those of most runs first, and which networks have no run."""
    parts = list[str]()
    for setting in by_runs(results):
        parts.append(f"### {setting}\n")
        parts += [as_markdown(part(results, setting)) for part in (table, bars, teachers, ranks, shares)]
    ran = {(job.data, job.network) for job in results}
    missing = [
        f"{data} by {name}" for data, name in product(("cifar10", "cifar100"), NETWORKS) if (data, name) not in ran
    ]
    return "\n".join([*parts, f"Not run: {', '.join(missing)}.\n"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="The tables and the picture of cifar.py.")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--page", type=Path, default=DOCS / "results_cifar.md")
    parser.add_argument("--picture", type=Path, default=DOCS / "images" / "cifar_gains.png")
    args = parser.parse_args(arguments)
    results = results_in(args.results)
    write_bytes(args.page, with_table(args.page.read_text("utf-8"), as_page(results), BEGIN, END).encode())
    if settings := by_runs(results):
        save(picture(results, settings[0]), args.picture)


if __name__ == "__main__":
    main()
