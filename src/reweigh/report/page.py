"""The page: what the audit, the metrics, the ledger and the other runs say, laid out by the templates."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from reweigh.audit import Audit, FinishedRun, audit_run, open_run
from reweigh.audit.as_read import is_read
from reweigh.printable import printable
from reweigh.report import offline
from reweigh.report.charts import number
from reweigh.report.curves import MOST_CLASSES, class_charts, health, learning
from reweigh.report.environment import environment
from reweigh.report.examples import per_class, suspects_of
from reweigh.report.heat import heat_map
from reweigh.report.rightness import about_labels
from reweigh.report.scores import check_comparable, compared, gain_text, rule_name, scores
from reweigh.report.settings import made_with, set_ones
from reweigh.report.weights import BINS
from reweigh.report.words import about_baselines
from reweigh.run.folder import run_folder as files
from reweigh.tasks import MEASURES, Task, score_text
from reweigh.verdict import read_verdict
from reweigh.words import or_dash, sentence

AT_FIRST = 24
"""Suspects that stand there before anybody asks for more."""
STYLES, SCRIPTS = ("palette.css", "style.css"), ("find.js", "suspects.js")


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

    def page() -> str:
        others = [open_run(other) for other in against]
        check_comparable(open_run(run), others)
        return render(audit_run(run, data_root=data_root, model=model, task=task), others)

    return offline.write_page(run, path, files.REPORT, page, overwrite=overwrite, task=task)


def render(audit: Audit, others: Sequence[FinishedRun] = ()) -> str:
    """The page of an audited run, beside the other runs."""
    templates = environment("reweigh.report")
    templates.filters["number"] = number
    templates.filters["or_dash"] = or_dash
    templates.filters["sentence"] = sentence
    return offline.lay_out(templates, "page.html", STYLES, SCRIPTS, _content(audit, others))


def _content(audit: Audit, others: Sequence[FinishedRun]) -> dict[str, Any]:
    run = audit.run
    finished = datetime.fromtimestamp((run.path / files.SUMMARY).stat().st_mtime)
    return {
        "name": run.path.resolve().name,
        "folder": shlex.quote(printable(run.path)),
        "date": f"{finished.day} {finished:%B %Y}",
        "config": run.config,
        "rule": rule_name(run.config.weights.rule),
        "summary": run.summary,
        "words": audit.task.words,
        **_score(audit, others),
        **_labels(audit),
        **_suspects(audit),
        "learning": learning(run, others),
        "health": health(audit),
        "bins": BINS,
        "class_charts": class_charts(audit),
        "more_classes": max(0, len(audit.groups.names) - MOST_CLASSES),
        "settings": set_ones(audit),
        "versions": made_with(audit),
    }


def _score(audit: Audit, others: Sequence[FinishedRun]) -> dict[str, Any]:
    """The verdict, and the run beside others."""
    run, verdict = audit.run, read_verdict(audit.run)
    measure, against = MEASURES[run.score_name], [other.score for other in others]
    return {
        "verdict": None if verdict is None else compared(verdict),
        "score": score_text(run.score_name, run.score, 1),
        "score_name": measure.words,
        "score_when": run.when,
        "others": {
            other.words: score_text(name, run.summary.get(name), 1)
            for name, other in MEASURES.items()
            if name in run.summary and name != run.score_name
        },
        "against_best": gain_text(run.score_name, run.score - max(against)) if others else None,
        "points": measure.share,
        "doubtful": run.score < measure.doubtful,
        "scores": scores(run, others),
        "score_finding": about_baselines(run.score, against, share=measure.share) if others or not verdict else None,
    }


def _labels(audit: Audit) -> dict[str, Any]:
    """How dirty they are."""
    wrong = audit.corrupted
    return {
        "examples": len(audit),
        "issues": int(audit.issue.sum()),
        "estimate": audit.estimate,
        "by_rightness": audit.by_rightness,
        "labels": audit.sentence(),
        "about": about_labels(audit),
        "unseen": int(np.isnan(audit.quality).sum()),
        "known_wrong": None if wrong is None else int(wrong.sum()),
        "heat": heat_map(audit),
        "overlap": audit.groups.overlap,
        "classes": per_class(audit),
    }


def _suspects(audit: Audit) -> dict[str, Any]:
    """The suspects, and by which labels they are filtered."""
    groups, found = audit.groups, suspects_of(audit)
    used = sorted({int(k) for one in found for k in f"{one.of_given} {one.of_suggested}".split()})
    return {
        "suspects": found,
        "at_first": AT_FIRST,
        "labels_used": [] if audit.task.of_pairs else [(k, groups.names[k]) for k in used],
        "next_wrong": audit.next_wrong(),
        "copies": [] if audit.copies is None else audit.copies.sentences(),
        "own": audit.names is not None,
        "read": is_read(audit),
        "pairs": audit.task.of_pairs,
        "to_review": audit.task.answers is not None and audit.encoding is not None,
    }
