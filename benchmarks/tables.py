"""The tables of docs/performance_tables.md, from what the benchmarks have measured.

    python -m benchmarks.tables                          # puts them into docs/performance_tables.md
    python -m benchmarks.tables --print

A table stands between `<!-- step_cost -->` and `<!-- end -->` (likewise `growth`), and is replaced as a whole.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Row, read_rows, told
from reweigh.storage import write_bytes

RESULTS, PAGE = Path("docs/results"), Path("docs/performance_tables.md")
PICTURED = {
    "step_cost": "Time of a step by that of a plain one, engines and peers",
    "growth": "Time of a step by that of a plain one, as batch, clean batch, depth and length grow",
}
"""What `benchmarks.plots` draws beside each table."""
COLUMNS = (
    "variant",
    "time / plain: median (lowest to highest)",
    "FLOPs / plain",
    "passes / plain",
    "ms a step",
    "peak memory / plain",
    "cosine",
    "max abs error",
)


def step_cost(rows: Sequence[Row]) -> str:
    """A table a task, each with a row a variant, and the circumstances where they change."""
    parts, said = [], ""
    for task in dict.fromkeys(row["task"] for row in rows):
        of_task = [row for row in rows if row["task"] == task]
        plain = next(row for row in of_task if row["variant"] == "plain")
        if (now := told(plain["circumstances"])) != said:
            parts.append(said := now)
        lines = [line(cells(row, plain)) for row in of_task]
        zeros = [row["zeros"] for row in of_task if row["zeros"] is not None and row["error"] < 1e-3]
        share = f"; {zeros[0]:.0%} of the weights are zero" if zeros else ""
        note = f"Load average before the start {plain['circumstances']['load']}{share}."
        parts.append("\n".join([f"### {task}", "", note, "", line(COLUMNS), "|---" * len(COLUMNS) + "|", *lines]))
    return "\n\n".join(parts)


def cells(row: Row, plain: Row) -> list[str]:
    """One line of a table; what was not measured is a dash."""
    if row["failure"] is not None:
        return [row["variant"], f"failed: {row['failure']}", *[""] * (len(COLUMNS) - 2)]
    low, median, high = row["ratio"]
    peak = (
        f"{row['peak'] / plain['peak']:.2f} ({row['peak'] / 2**20:.0f} MiB)" if row["peak"] and plain["peak"] else "–"
    )
    counted = row["flops"] / plain["flops"] if row["flops"] and plain["flops"] else None
    return [
        row["variant"],
        f"{median:.2f} ({low:.2f} to {high:.2f})",
        number(counted, ".2f"),
        number(row["floor"], ".2f"),
        f"{1000 * row['seconds']:.0f}",
        peak,
        number(row["cosine"], ".6f"),
        number(row["error"], ".1e"),
    ]


def number(value: float | None, form: str) -> str:
    """A number, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def line(cells: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def growth(rows: Sequence[Row]) -> str:
    """A table an axis: a row a size, a column a variant."""
    parts = [told(rows[0]["circumstances"])] if rows else []
    for axis in dict.fromkeys(row["axis"] for row in rows):
        here = [row for row in rows if row["axis"] == axis]
        names = [name for name in dict.fromkeys(row["variant"] for row in here) if name != "plain"]
        table = [line([axis, "plain, ms", *names]), "|---" * (len(names) + 2) + "|"]
        for task in dict.fromkeys(row["task"] for row in here):
            found = {row["variant"]: row for row in here if row["task"] == task}
            ratios = [f"{found[name]['ratio'][1]:.2f}" if name in found else "–" for name in names]
            table.append(line([str(found["plain"]["size"]), f"{1000 * found['plain']['seconds']:.0f}", *ratios]))
        parts.append("\n".join(table))
    return "\n\n".join(parts)


def put(page: str, name: str, text: str) -> str:
    """The page with the text between the marks of that name."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not pattern.search(page):
        raise SystemExit(
            f"the page has no marks <!-- {name} --> and <!-- end -->: add them where the table is to stand"
        )
    return pattern.sub(lambda marks: f"{marks[1]}\n{text}\n{marks[2]}", page)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tables", description="The tables of docs/performance_tables.md."
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder with step_cost.json and growth.json")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--print", action="store_true", help="to the screen, not into the page")
    options = parser.parse_args(arguments)
    made = {"step_cost": step_cost, "growth": growth}
    tables = {name: make(read_rows(options.results / f"{name}.json")) for name, make in made.items()}
    if options.print:
        print("\n\n".join(tables.values()))
        return
    page = options.page.read_text()
    for name, text in tables.items():
        if text:
            page = put(page, name, f"![{PICTURED[name]}](images/{name}.png)\n\n{text}")
    write_bytes(options.page, page.encode())


if __name__ == "__main__":
    main()
