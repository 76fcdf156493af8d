"""The pictures of docs/performance.md, from what the benchmarks have measured.

python -m benchmarks.plots        # docs/images/step_cost.png and growth.png
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import Row, read_rows

SHOWN = {
    "ghost, fused": "#1b6ca8",
    "ghost, fused, last block": "#7fb3d5",
    "forward, fused": "#2e8b57",
    "finite, apart": "#8fbc8f",
    "by hand (create_graph)": "#8b4513",
    "higher": "#c0674b",
    "TorchOpt": "#e0a080",
    "vmap (per-example gradients)": "#999999",
    "Betty (finite difference)": "#cccc66",
}
"""The variants in the pictures, and their colours."""


def step_cost(rows: Sequence[Row], path: Path) -> None:
    """A group a task, a bar a variant; a tick on each bar where its counted FLOPs would put it."""
    plt = pyplot()
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    plain = {row["task"]: row for row in rows if row["variant"] == "plain"}
    figure, axes = plt.subplots(figsize=(max(6.0, 1.2 + 0.95 * len(tasks)), 4.2), layout="constrained")
    width = 0.9 / len(SHOWN)
    for k, (name, colour) in enumerate(SHOWN.items()):
        found = {row["task"]: row for row in rows if row["variant"] == name and row["failure"] is None}
        places = {task: i + (k - len(SHOWN) / 2) * width for i, task in enumerate(tasks) if task in found}
        axes.bar(places.values(), [found[t]["ratio"][1] for t in places], width, color=colour, label=name, align="edge")
        for task, x in places.items():
            if found[task]["flops"] and plain[task]["flops"]:
                share = found[task]["flops"] / plain[task]["flops"]
                axes.plot([x, x + width], [share, share], color="black", linewidth=1)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set_xticks(
        range(len(tasks)),
        [task.replace("-groupnorm", "\nGroupNorm").replace(", ", "\n", 1) for task in tasks],
        fontsize=7,
    )
    axes.set_ylabel("time of a step / plain (black: FLOPs / plain)")
    axes.legend(fontsize=7, ncols=3, loc="upper left")
    axes.set_ylim(0, 1.35 * axes.get_ylim()[1])
    save(plt, figure, path)


def growth(rows: Sequence[Row], path: Path) -> None:
    """A panel an axis, a line a variant."""
    plt = pyplot()
    axes_names = list(dict.fromkeys(row["axis"] for row in rows))
    figure, panels = plt.subplots(
        1, len(axes_names), figsize=(3 * len(axes_names), 3.2), sharey=True, layout="constrained", squeeze=False
    )
    for panel, axis in zip(panels[0], axes_names, strict=True):
        for name, colour in SHOWN.items():
            found = [row for row in rows if row["axis"] == axis and row["variant"] == name]
            if found:
                points = sorted((row["size"], row["ratio"][1]) for row in found)
                panel.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
        sizes = sorted({row["size"] for row in rows if row["axis"] == axis})
        panel.set_xscale("log", base=2)
        panel.set_xticks(sizes, map(str, sizes))
        panel.set_xlabel(axis)
    panels[0][0].set_ylim(1, 1.05 * panels[0][0].get_ylim()[1])  # shared, and only now known for all panels
    panels[0][0].set_ylabel("time of a step / plain")
    figure.legend(*panels[0][0].get_legend_handles_labels(), fontsize=7, ncols=4, loc="outside lower center")
    save(plt, figure, path)


def pyplot() -> Any:
    """Matplotlib without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save(plt: Any, figure: Any, path: Path) -> None:
    """As PNG; the same numbers give the same file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plots", description="The pictures of docs/performance.md."
    )
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    parser.add_argument("--images", type=Path, default=Path("docs/images"))
    options = parser.parse_args(arguments)
    for name, draw in (("step_cost", step_cost), ("growth", growth)):
        if rows := read_rows(options.results / f"{name}.json"):
            draw(rows, options.images / f"{name}.png")


if __name__ == "__main__":
    main()
