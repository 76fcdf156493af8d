"""`reweigh audit`: the ranking on the terminal, and as a file."""

from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from reweigh.audit import THRESHOLD, Audit, audit_run
from reweigh.audit.export import about_weights, write_export
from reweigh.cli.live import working
from reweigh.cli.options import DataRoot, Flag, ModelAgain, TaskAgain
from reweigh.cli.show import console
from reweigh.cli.voice import ALOUD, Answer, Voice
from reweigh.errors import BadInput
from reweigh.printable import printable
from reweigh.storage import home
from reweigh.tables import check_output
from reweigh.verdict import read_verdict
from reweigh.words import or_dash, sentence

MOST_CLASSES = 20


def audit(
    run: Path,
    /,
    *,
    output: Path | None = None,
    top: int = 20,
    threshold: float = THRESHOLD,
    data_root: DataRoot = None,
    model: ModelAgain = None,
    task: TaskAgain = None,
    overwrite: Flag = False,
    voice: Voice = ALOUD,
) -> Answer:
    """Say how many labels look wrong, and rank the examples, each with the label that is likely instead.

    Example: reweigh audit runs/mnist --output suspects.csv

    Args:
        run: The folder of a finished run.
        output: Write all examples, ranked, to FILE.csv or FILE.parquet.
        top: How many examples to print.
        threshold: An example whose label is right with less probability is an issue.
        overwrite: Replace the output file.
    """
    if top < 0:
        raise BadInput(f"--top is {top}: give a number of at least 0")
    output = None if output is None else home(output)
    if output is not None:
        check_output(output, overwrite=overwrite)
    with working("auditing"):
        found = audit_run(run, data_root=data_root, threshold=threshold, model=model, task=task)
    verdict = read_verdict(found.run)
    if verdict is not None:
        console.print(f"Verdict: {printable(verdict.sentence)}.")
    if top:
        console.print((pairs_table if found.task.of_pairs else distrusted_table)(found, top))
    console.print(kinds_table(found) if found.task.of_pairs and found.estimate is not None else classes_table(found))
    console.print(sentence(found.sentence()))
    console.print(f"{_about_issues(found, threshold)}: {int(found.issue.sum())}")
    if expected := found.next_wrong():
        console.print(sentence(expected))
    for line in _standings(found):
        console.print(line)
    for line in [] if found.copies is None else found.copies.sentences():
        console.print(printable(line))
    if found.corrupted is not None and top:
        wrong = int(found.corrupted[found.order[:top]].sum())
        console.print(f"Of the {min(top, len(found))} most distrusted, {wrong} are really wrong.")
    if output is not None:
        write_export(found, output, overwrite=overwrite)
        console.print(f"All {len(found)} examples, most distrusted first: {printable(output)}", soft_wrap=True)
        console.print(sentence(about_weights(found)))
    if found.task.answers is not None and found.encoding is not None:
        console.print(f"To decide on them one by one: reweigh review {printable(run)}", soft_wrap=True)
    return Answer(sentence(found.sentence()), _content(found, output, top))


def _content(audit: Audit, output: Path | None, top: int) -> dict[str, Any]:
    verdict = read_verdict(audit.run)
    return {
        "run": str(audit.run.path),
        "said": audit.sentence(),
        "verdict": None if verdict is None else verdict.as_json(),
        "examples": len(audit),
        "issues": int(audit.issue.sum()),
        "relabelled": _relabelled(audit),
        "wrong_of_next": audit.next_wrong() or None,
        "most_distrusted": [
            {
                "id": audit.name(row),
                "given": audit.told(audit.given[row]),
                "suggested": audit.told(audit.suggested[row]),
                "right": float(audit.right[row]) if audit.estimate is not None else None,
                "sure": float(audit.suggested_probability[row]),
                "weight": float(audit.mean_weight[row]),
            }
            for row in audit.order[:top].tolist()
        ],
        "output": None if output is None else str(output),
    }


def _relabelled(audit: Audit) -> dict[str, Any] | None:
    """What came of it when labels were checked; None where it is not known what any was before."""
    found = None if audit.judged is None else audit.judged.of_all.relabelled
    return None if found is None else {"labels": found.labels, "wrong": found.wrong, "alike": found.alike}


def _about_issues(audit: Audit, threshold: float) -> str:
    if not audit.by_rightness:
        return f"Issues (trusted less than {threshold:.0%} of the time, and the model says otherwise)"
    return f"Issues (right with a probability below {threshold:.0%}, and another label is likelier)"


def _standings(audit: Audit) -> list[str]:
    """How many labels are of each standing, where rightness can be told."""
    if audit.estimate is None or not (audit.standing != "").any():
        return []
    words, counts = np.unique(audit.standing[audit.standing != ""], return_counts=True)
    parts = [f"{word} {count}" for word, count in zip(words.tolist(), counts.tolist(), strict=True)]
    return [f"By label and use: {'; '.join(parts)}."]


def distrusted_table(audit: Audit, top: int) -> Table:
    """The first `top` examples, within 80 columns: how likely each label is wrong, or its quality where nobody knows."""
    known = audit.estimate is not None
    table = Table(title="Most distrusted", min_width=70)
    for name, options in (
        ("id", {"justify": "right"} if audit.names is None else {"overflow": "fold"}),
        ("wrong" if known else "quality", {"justify": "right"}),
        ("given", {"overflow": "fold"}),
        ("likelier" if known else "model says", {"overflow": "fold"}),
        ("sure", {"justify": "right"}),
        ("weight", {"justify": "right"}),
        ("at zero", {"justify": "right"}),
    ):
        table.add_column(name, **options)  # type: ignore[arg-type]
    for row in audit.order[:top].tolist():
        given, suggested = audit.told(audit.given[row]), audit.told(audit.suggested[row])
        table.add_row(
            printable(audit.name(row)),
            _chance(1 - audit.right[row]) if known else f"{audit.quality[row]:.3f}",
            printable(given),
            "the same" if given == suggested else printable(suggested),
            _chance(audit.suggested_probability[row]),
            or_dash(audit.mean_weight[row], ".2f"),
            or_dash(audit.zero_share[row], ".0%"),
        )
    return table


def pairs_table(audit: Audit, top: int) -> Table:
    """The first `top` pairs of texts with both sides, within 80 columns."""
    table = Table(title="Most distrusted", min_width=70)
    for name, options in (
        ("id", {"overflow": "fold"}),
        ("source", {"overflow": "fold", "ratio": 1}),
        ("target", {"overflow": "fold", "ratio": 1}),
        ("looks", {}),
        ("right", {"justify": "right"}),
        ("weight", {"justify": "right"}),
    ):
        table.add_column(name, **options)
    for row in audit.order[:top].tolist():
        table.add_row(
            printable(audit.name(row)),
            printable(_cut(audit.source(row) or "")),
            printable(_cut(audit.told(audit.given[row]))),
            printable(audit.kind[row] or "–"),
            or_dash(audit.right[row], ".0%"),
            or_dash(audit.mean_weight[row], ".2f"),
        )
    return table


def kinds_table(audit: Audit) -> Table:
    """How many pairs are right, and how many are wrong in which way."""
    assert audit.estimate is not None
    found = audit.estimate
    table = Table(title="Kinds of pairs", min_width=70)
    table.add_column("kind")
    for name in ("share", "between", "pairs that look so"):
        table.add_column(name, justify="right")
    shares = {"right": found.share, **found.kinds}
    between = {"right": found.interval, **found.kind_intervals}
    counts = {"right": int((audit.kind == "").sum()), **{kind: int((audit.kind == kind).sum()) for kind in found.kinds}}
    for kind, share in shares.items():
        low, high = between.get(kind) or (float("nan"), float("nan"))
        table.add_row(printable(kind), f"{share:.0%}", f"{low:.0%} to {high:.0%}", f"{counts[kind]:,}")
    return table


def _cut(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _chance(probability: float) -> str:
    """A probability in percent; nothing is certain."""
    return ">99%" if probability > 0.99 else or_dash(probability, ".0%")


def classes_table(audit: Audit) -> Table:
    """The classes with the highest estimated noise rates."""
    rates, weights, truth = audit.noise_rates, audit.per_class(audit.mean_weight), audit.corrupted
    counts = audit.groups.counts
    truths = None if truth is None else audit.per_class(truth)
    shown = [c for c in np.argsort(-rates, kind="stable").tolist() if counts[c] > 0][:MOST_CLASSES]
    table = Table(title=audit.task.words.title, min_width=70)
    table.add_column("given", overflow="fold")
    for name in ("examples", "mean weight", "wrong, estimated", *(["wrong, known"] if truth is not None else [])):
        table.add_column(name, justify="right")
    for c in shown:
        known = [] if truths is None else [f"{truths[c]:.1%}"]
        name = printable(audit.groups.names[c])
        table.add_row(name, f"{counts[c]:.0f}", or_dash(weights[c], ".2f"), or_dash(rates[c], ".1%"), *known)
    return table
