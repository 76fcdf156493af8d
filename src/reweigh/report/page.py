"""The page: what the audit, the metrics, the ledger and the other runs say, laid out by the templates.

The templates escape whatever comes from the data or the settings, and the page forbids itself scripts and the network, so
that a class named like a tag is a name and nothing else.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reweigh._version import __version__
from reweigh.audit import Audit, FinishedRun, audit_run, open_run
from reweigh.errors import require
from reweigh.ledger import Ledger
from reweigh.report.charts import Line, area_chart, line_chart, number
from reweigh.report.environment import environment
from reweigh.report.examples import confusion, distrusted, per_class
from reweigh.report.rightness import about_labels
from reweigh.report.scores import check_comparable, gain_text, rule_name, scores
from reweigh.report.weights import BINS, weight_shares
from reweigh.report.words import about_baselines, about_direction, about_sample_size, about_zeros, column
from reweigh.run.folder import run_folder as files
from reweigh.storage import home, make_folder, write_bytes
from reweigh.tables import check_free
from reweigh.tasks import MEASURES, Task, score_text, use_task
from reweigh.verdict import read_verdict
from reweigh.words import or_dash

SHOWN, MOST_CLASSES = 24, 12


def write_report(
    run: Path | str,
    path: Path | str | None = None,
    *,
    against: Sequence[Path | str] = (),
    data_root: Path | str | None = None,
    overwrite: bool = False,
    model: Any = None,
    task: str | type[Task] | None = None,
) -> Path:
    """Write a finished run as one self-contained HTML page, whole or not at all; returns its path.

    Args:
        run: the run's folder.
        path: the page; default: `report.html` in the run's folder, where an older one is replaced.
        against: folders of other runs on the same data, as baselines.
        data_root: where the data lie, if not where the run found them.
        overwrite: whether a file at `path` may be replaced.
        model: the run's model, named again, where it is one of somebody's own or of Hugging Face; or given, where it was an
            object in Python.
        task: the run's task, named again or given, where it is one of somebody's own.

    Raises:
        BadInput: if a run is missing, not finished or damaged, or cannot be compared.
        ReweighError: if the page cannot be written.
        MissingExtra: if jinja2 or another package is not installed.
    """
    require("jinja2", "report")  # now rather than after the work
    target = home(run) / files.REPORT if path is None else home(path)
    check_free(target, overwrite=overwrite or path is None)
    use_task(task)
    others = [open_run(other) for other in against]
    check_comparable(open_run(run), others)
    content = render(audit_run(run, data_root=data_root, model=model, task=task), others).encode()
    make_folder(target.parent)
    write_bytes(target, content)
    return target


def render(audit: Audit, others: Sequence[FinishedRun] = ()) -> str:
    """The page of an audited run, beside the other runs."""
    templates = environment("reweigh.report")
    templates.filters["number"] = number
    templates.filters["or_dash"] = or_dash
    page: str = templates.get_template("page.html").render(_content(audit, others))
    return page


def _content(audit: Audit, others: Sequence[FinishedRun]) -> dict[str, Any]:
    run, verdict = audit.run, read_verdict(audit.run)
    lines, wrong, measure = run.metrics, audit.corrupted, MEASURES[run.score_name]
    sizes, norms, zeros = (column(lines, n) for n in ("effective_sample_size", "direction_norm", "zero_share"))
    return {
        "name": run.path.resolve().name,
        "config": run.config,
        "rule": rule_name(run.config.weights.rule),
        "summary": run.summary,
        "examples": len(audit),
        "issues": int(audit.issue.sum()),
        "estimate": audit.estimate,
        "by_rightness": audit.by_rightness,
        "labels": audit.sentence(),
        "verdict": None if verdict is None else verdict.sentence,
        "about": about_labels(audit),
        "next_wrong": audit.next_wrong(),
        "unseen": int((audit.quality != audit.quality).sum()),
        "own": audit.names is not None,
        "read": audit.encoding is not None and audit.encoding.kind in ("table", "text"),
        "words": audit.task.words,
        "score": score_text(run.score_name, run.score, 1),
        "score_name": measure.words,
        "score_when": run.when,
        "others": {
            other.words: score_text(n, run.summary.get(n), 1)
            for n, other in MEASURES.items()
            if n in run.summary and n != run.score_name
        },
        "against_best": gain_text(run.score_name, run.score - max(o.score for o in others)) if others else None,
        "points": measure.share,
        "doubtful": run.score < measure.doubtful,
        "known_wrong": None if wrong is None else int(wrong.sum()),
        "scores": scores(run, others),
        "score_finding": about_baselines(run.score, [other.score for other in others], share=measure.share),
        "learning": _learning(run, others),
        "health": [
            (
                "Length of the clean direction, ‖v‖",
                line_chart("Length of the clean direction", [Line("‖v‖", norms, 1)], log=True),
                "How strongly the clean examples still pull the model. Every weight compares an example with this pull.",
                about_direction(norms),
            ),
            (
                "Effective sample size",
                line_chart("Effective sample size of a batch", [Line("effective sample size", sizes, 1)]),
                "How many equally weighted examples the weights of a batch are worth.",
                about_sample_size(sizes, run.config.student.batch_size),
            ),
            (
                "Weights at zero",
                line_chart("Share of a batch with weight zero", [Line("at zero", zeros, 1)], percent=True),
                "How much of each batch was left out of its step.",
                about_zeros(zeros),
            ),
        ],
        "bins": BINS,
        "class_charts": _class_charts(audit),
        "more_classes": max(0, len(audit.groups.names) - MOST_CLASSES),
        "distrusted": distrusted(audit, SHOWN),
        "confusion": confusion(audit),
        "classes": per_class(audit),
        "settings": {name.replace("_", " "): _setting(value) for name, value in run.config.flat().items()},
        "versions": run.versions,
        "version": __version__,
    }


def _learning(run: FinishedRun, others: Sequence[FinishedRun]) -> list[Any]:
    runs = [run, *others]
    names = [rule_name(one.config.weights.rule) for one in runs]
    if len(set(names)) < len(names):  # two runs of one rule are told apart by their folders
        names = [f"{name}, {one.path.resolve().name}" for name, one in zip(names, runs, strict=True)]
    measure = MEASURES[run.score_name]
    tested = [
        Line(n, column(one.metrics, run.score_name), k + 1) for k, (n, one) in enumerate(zip(names, runs, strict=True))
    ]
    losses = [
        Line("training, all labels as given", column(run.metrics, "train_loss"), 2),
        Line("training, weighted", column(run.metrics, "weighted_loss"), 1),
        Line("clean examples", column(run.metrics, "clean_loss"), 3),
    ]
    found = [
        (f"Test {measure.words}", line_chart(f"Test {measure.words}", tested[:6], percent=measure.share), ""),
        ("Losses", line_chart("Mean losses", losses), ""),
    ]
    aurocs = column(run.metrics, "auroc")
    if any(value is not None for value in aurocs):
        chart = line_chart("AUROC of each epoch's weights", [Line("AUROC", aurocs, 1)])
        meaning = "How well each epoch's weights tell the labels that are known to be wrong; 0.5 is chance."
        found.append(("AUROC of the weights", chart, meaning))
    return [item for item in found if item[1] is not None]


def _class_charts(audit: Audit) -> list[Any]:
    """A chart for each class, those with the highest estimated noise rate first."""
    names, rates = audit.groups.names, audit.noise_rates
    history = Ledger.read(audit.run.path / files.LEDGER, audit.run.digests)
    shares = weight_shares(history, audit.examples.ids.numpy(), audit.groups.given, len(names))
    there = (c for c in range(len(names)) if audit.groups.counts[c])
    order = sorted(there, key=lambda c: -np.nan_to_num(rates[c]))[:MOST_CLASSES]
    return [area_chart(names[c], shares[:, c].tolist(), BINS) for c in order]


def _setting(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
