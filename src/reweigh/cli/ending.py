"""How a run ends on the terminal: its score, a small table beside other ways, the verdict, and what to type next."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from reweigh.cli.show import console
from reweigh.cli.voice import Answer
from reweigh.printable import printable
from reweigh.run.folder.run_folder import ENCODING, FILES, LEDGER
from reweigh.tasks import MEASURES, known_task, score_text
from reweigh.verdict import Verdict
from reweigh.verdict.verdict import gap_text

WIDTH = 80


def ended(
    summary: dict[str, Any], output: Path, verdict: Verdict | None, notes: Sequence[str], code: Mapping[str, str]
) -> Answer:
    """Print how the run in `output` ended. `code` are the options that have to be said again, since they name code."""
    score, following = _score(summary), list(_following(summary, output, code))
    console.print(f"\n{score}")
    if summary.get("auroc") is not None:
        wrong = summary["wrong_labels"]
        console.print(f"AUROC of the mean weights against the {wrong} wrong labels: {summary['auroc']:.3f}")
    if verdict is not None:
        console.print(comparison_table(verdict, summary["rule"]))
    outcome = score if verdict is None else f"Verdict: {printable(verdict.sentence)}."
    if verdict is not None:
        console.print(outcome)
    console.print(f"All of it is in {printable(output)}{'. Next:' if following else ''}", soft_wrap=True)
    widest = max((len(command) for command, _ in following), default=0)
    for command, what in following:
        told = f"  {command:<{widest}}  {what}"
        console.print(told if len(told) <= WIDTH else f"  {command}", soft_wrap=True)
    files = {name: str(output / name) for name in (*FILES, LEDGER) if (output / name).exists()}
    return Answer(outcome, {
        "run": str(output),
        "summary": summary,
        "verdict": None if verdict is None else verdict.as_json(),
        "notes": list(notes),
        "files": files,
        "next": [command for command, _ in following],
    })  # fmt: skip


def comparison_table(verdict: Verdict, rule: str) -> Table:
    """The run, the way that the verdict names, and another: plain training, where it is not one of these."""
    measure = MEASURES[verdict.measure]
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("model", overflow="fold")
    table.add_column(measure.words, justify="right")
    table.add_column("this model against it", justify="right")
    table.add_row(printable(f"this model ({rule})"), score_text(verdict.measure, verdict.score, 1), "")
    for rival in verdict.shown:
        gap = gap_text(rival.difference, measure, signed=True)
        table.add_row(printable(rival.words), score_text(verdict.measure, rival.score, 1), gap)
    return table


def _score(summary: dict[str, Any]) -> str:
    name = summary["score"]
    others = [
        f"{MEASURES[key].words} {score_text(key, summary[key])}" for key in MEASURES if key in summary and key != name
    ]
    told = f" ({', '.join(others)})" if others else ""
    when = f"epoch {summary['best_epoch']}, the best" if "best_epoch" in summary else "the last epoch"
    return f"Test {MEASURES[name].words} at {when}: {score_text(name, summary[name])}{told}"


def _following(summary: dict[str, Any], output: Path, code: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Commands that make sense of this run, and what each does."""
    run = shlex.quote(printable(output)) + "".join(f" --{name} {shlex.quote(said)}" for name, said in code.items())
    task, audited = known_task(summary["task"]), (output / LEDGER).is_dir()
    if audited and (output / ENCODING).exists() and task is not None and task.answers is not None:
        yield f"reweigh review {run}", "decide on the labels that look wrong"
    if audited:
        yield f"reweigh audit {run}", "which labels look wrong, in a table"
        yield f"reweigh report {run}", "all about the run, as one page"
