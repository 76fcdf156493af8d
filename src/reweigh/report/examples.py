"""The suspects and the classes, as rows for the page."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from reweigh.audit import Audit
from reweigh.audit.as_read import rows_as_read
from reweigh.audit.suspects import suspects
from reweigh.report.pictures import pictures_of
from reweigh.report.rightness import intervals_by_class
from reweigh.run.gallery import are_images
from reweigh.words import or_dash

MOST_CLASSES, FEATURES = 100, 6


@dataclass(frozen=True)
class Suspect:
    """A suspect in words; `truth` is None where nothing is known of any label, "" where the label is right.

    What is to be seen of it is an `image`, or `cells`: columns and values of a table, a text, or the first numbers. By the
    groups of its labels (`of_given`, `of_suggested`) and the `doubt`, from 0 on where right and wrong are as likely, the
    page's script filters and sorts; `copies` says what is known of its copies.
    """

    name: str
    given: str
    suggested: str
    wrong: str
    sure: str
    weight: str
    zero_share: str
    image: str | None
    cells: list[tuple[str, str]]
    copies: str
    is_issue: bool
    truth: str | None
    of_given: str
    of_suggested: str
    doubt: float


@dataclass(frozen=True)
class ClassRow:
    """A class: how many examples carry it, how they were weighted, how many seem wrong, and what those mostly are.

    `between` are the ends of the 95 % interval of `rate`, in words; "" where none is known.
    """

    name: str
    count: int
    weight: float
    zero_share: float
    rate: float
    between: str
    known: float | None
    mostly: str


def suspects_of(audit: Audit) -> list[Suspect]:
    """All that are to be looked at, the most distrusted first."""
    rows = suspects(audit)
    seen = rows_as_read(audit, rows.tolist())
    pictures = pictures_of(audit, [(audit.examples, rows)]) if are_images(audit.examples) else [None] * len(rows)
    return [_suspect(audit, row, seen.get(row), image) for row, image in zip(rows.tolist(), pictures, strict=True)]


def _suspect(audit: Audit, row: int, cells: list[tuple[str, str]] | None, image: str | None) -> Suspect:
    known, wrong, truth = audit.estimate is not None, float(1 - audit.right[row]), audit.corrupted
    given, suggested = audit.told(audit.given[row]), audit.told(audit.suggested[row])
    return Suspect(
        name=audit.name(row),
        given=given,
        suggested="" if audit.task.of_pairs else "the same" if given == suggested else suggested,
        wrong=chance(wrong) if known else f"{audit.quality[row]:.3f}",
        sure=chance(float(audit.suggested_probability[row])),
        weight=or_dash(float(audit.mean_weight[row]), ".2f"),
        zero_share=or_dash(100 * float(audit.zero_share[row]), ".0f"),
        image=image,
        cells=[] if image else cells or _cells(audit, row),
        copies=_copies(audit, row),
        is_issue=bool(audit.issue[row]),
        truth=None if truth is None else audit.told(audit.examples.true_y[row]) if truth[row] else "",
        of_given=_groups(audit.groups.given[row]),
        of_suggested=_groups(audit.groups.suggested[row]),
        doubt=round(abs(wrong - 0.5), 4) if known else 0.0,
    )


def _cells(audit: Audit, row: int) -> list[tuple[str, str]]:
    """Of what no file has as cells: the text that a pair has on its other side, or the first numbers."""
    source = audit.source(row)
    return [("", number) for number in first_numbers(audit.examples.x[row])] if source is None else [("source", source)]


def _copies(audit: Audit, row: int) -> str:
    """What is to be said of its copies, and of how far it lies from all others."""
    copies = audit.copies
    if copies is None:
        return ""
    first = copies.first(row)
    told = copies.why(row) or (f"A copy of {first}." if first else "")
    return f"{told} Far from all others.".strip() if copies.outlier[row] else told


def _groups(group: Any) -> str:
    """The numbers of the groups of a label, as words."""
    return " ".join(map(str, np.flatnonzero(group) if np.ndim(group) else [group]))


def first_numbers(example: Tensor) -> list[str]:
    """The first numbers of an input of any shape, as text."""
    return [f"{value:.4g}" for value in example.flatten()[:FEATURES].tolist()]


def chance(probability: float) -> str:
    """A probability in words; nothing is certain."""
    if probability != probability:
        return "–"
    return (
        "over 99 %"
        if probability > 0.99
        else "under 1 %"
        if probability < 0.01
        else f"{probability:.0%}".replace("%", " %")
    )


def per_class(audit: Audit) -> list[ClassRow]:
    """The classes that have examples, those that seem to have the most wrong labels first."""
    names, rates, truth = audit.groups.names, audit.noise_rates, audit.corrupted
    weights, zeros = audit.per_class(audit.mean_weight), audit.per_class(audit.zero_share)
    counts, between = audit.groups.counts, intervals_by_class(audit)
    known = None if truth is None else audit.per_class(truth)
    order = sorted((c for c in range(len(names)) if counts[c]), key=lambda c: -np.nan_to_num(rates[c]))
    return [
        ClassRow(
            names[c],
            int(counts[c]),
            float(weights[c]),
            float(zeros[c]),
            float(rates[c]),
            between[c],
            None if known is None else float(known[c]),
            _mostly(audit, c),
        )
        for c in order[:MOST_CLASSES]
    ]


def _mostly(audit: Audit, label: int) -> str:
    """What the issues of a class mostly seem to be."""
    groups, count = audit.groups, len(audit.groups.names)
    if groups.overlap:
        added = (groups.suggested & ~groups.given)[audit.issue & groups.given[:, label]].sum(0)
    else:
        added = np.bincount(groups.suggested[audit.issue & (groups.given == label)], minlength=count)
    return groups.names[int(added.argmax())] if added.any() else "–"
