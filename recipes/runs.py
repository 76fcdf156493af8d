"""What the recipes share: many runs on a few processes, a results file that a table goes on from, and the table.

A recipe describes a run by a frozen dataclass, its *job*; the fields are the key under which the result is kept, one JSON
line a run. Each process computes with one thread.
"""

import io
import json
import multiprocessing
import os
import statistics
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

import torch

from reweigh.storage import write_bytes

J = TypeVar("J")
Results = dict[J, dict[str, Any]]


def one_thread() -> None:
    """Start of a worker: one thread, and an end when the command ends, even if that was killed."""
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def read_results(path: Path, kind: type[J]) -> Results[J]:
    """The finished runs by their jobs of this kind; a last line that a kill cut short is left out."""
    results: Results[J] = {}
    fields: dict[str, Any] = kind.__dataclass_fields__  # type: ignore[attr-defined]
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            result = json.loads(line)
            results[kind(**{name: result[name] for name in fields})] = result
        except (json.JSONDecodeError, KeyError):
            continue
    return results


def add_result(path: Path, result: dict[str, Any]) -> None:
    """Append one run and have it on the disk before the next begins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.tell() and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            file.write(b"\n")
        file.write(json.dumps(result).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def run_all(
    jobs: Sequence[J],
    path: Path,
    run: Callable[[J], dict[str, Any]],
    prepare: Callable[..., None],
    prepared_with: tuple[Any, ...],
    workers: int,
    told: Sequence[str],
) -> None:
    """Run what is not in the results file yet, `workers` processes at a time; `told` are the fields to name on the way."""
    if not (missing := [job for job in jobs if job not in read_results(path, type(jobs[0]))]):
        return
    prepare(*prepared_with)  # here too: a missing file should be said once, and be downloaded once
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=prepare, initargs=prepared_with) as pool:
        futures: list[Future[dict[str, Any]]] = [pool.submit(run, job) for job in missing]
        try:
            for count, future in enumerate(as_completed(futures), 1):
                result = future.result()
                add_result(path, result)
                said = " ".join(str(result[name]) for name in told)
                took = f"{result['error']:.2f} % in {result['seconds']:.0f} s"
                print(f"{count}/{len(missing)} {said}: {took}", file=sys.stderr)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("interrupted: the same command goes on from here", file=sys.stderr)


def cell(found: Sequence[float]) -> str:
    """Mean ± standard deviation (n − 1), and the number of runs."""
    if not found:
        return "–"
    spread = f" ± {statistics.stdev(found):.2f}" if len(found) > 1 else ""
    return f"{statistics.fmean(found):.2f}{spread} ({len(found)})"


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """The rows, of which the first is the header."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) + "\n"


def write_pages(output: Path | None, *pages: str) -> None:
    """Markdown pages into one file, whole or not at all, where the user wants one; its folder is made."""
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(output, "\n".join(pages).encode())


def with_table(page: str, table: str, begin: str, end: str) -> str:
    """The page with this table in the place of what stands between the marks `begin`, a line, and `end`.

    Raises:
        SystemExit: if it has no such marks.
    """
    head, begun, rest = page.partition(begin)
    _, ended, tail = rest.partition(end)
    if not (begun and ended):
        raise SystemExit(f"the page has no place for the table: write {begin.strip()} and {end} into it")
    return f"{head}{begin}\n{table}\n{end}{tail}"


def save(figure: Any, path: Path) -> None:
    """A figure of matplotlib as a picture, whole or not at all."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    write_bytes(path, buffer.getvalue())


def show(rows: Sequence[Sequence[str]], title: str) -> None:
    """The table on the terminal: drawn by rich where that is installed."""
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        print(as_markdown(rows))
        return
    drawn = Table(*rows[0], title=title)
    for row in rows[1:]:
        drawn.add_row(*row)
    Console().print(drawn)
