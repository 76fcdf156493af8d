"""The distrusted examples, the confusion of labels, and the classes, as rows for the page."""

from dataclasses import dataclass

import numpy as np

from reweigh.audit import Audit
from reweigh.report.thumbnails import are_images, data_uri, first_numbers

MOST_CLASSES, MOST_CELLS, MOST_PAIRS = 100, 12, 15


@dataclass(frozen=True)
class Suspect:
    """A distrusted example; `truth` is None where nothing is known of any label."""

    id: int
    given: str
    suggested: str
    sure: float
    weight: float
    zero_share: float
    quality: float
    image: str | None
    numbers: list[str]
    wrong: bool | None
    truth: str | None


@dataclass(frozen=True)
class Confusion:
    """Given labels (rows) by predicted ones (columns): counts and shares of the row; or the largest pairs only."""

    names: list[str]
    rows: list[list[tuple[int, float]]]
    pairs: list[tuple[str, str, int, float]]


@dataclass(frozen=True)
class ClassRow:
    """A class: how many examples carry it, how they were weighted, how many seem wrong, and what those mostly are."""

    name: str
    count: int
    weight: float
    zero_share: float
    rate: float
    known: float | None
    mostly: str


def distrusted(audit: Audit, count: int) -> list[Suspect]:
    """The first `count` examples of the ranking that were ever seen."""
    rows = [row for row in audit.order[:count].tolist() if audit.quality[row] == audit.quality[row]]
    return [_suspect(audit, row) for row in rows]


def _suspect(audit: Audit, row: int) -> Suspect:
    examples, wrong = audit.examples, audit.corrupted
    image = are_images(examples)
    return Suspect(
        id=int(examples.ids[row]),
        given=examples.classes[audit.given[row]],
        suggested=examples.classes[audit.suggested[row]],
        sure=float(audit.suggested_probability[row]),
        weight=float(audit.mean_weight[row]),
        zero_share=float(audit.zero_share[row]),
        quality=float(audit.quality[row]),
        image=data_uri(examples.x[row]) if image else None,
        numbers=[] if image else first_numbers(examples.x[row]),
        wrong=None if wrong is None else bool(wrong[row]),
        truth=None if wrong is None else examples.classes[int(examples.true_y[row])],
    )


def confusion(audit: Audit) -> Confusion:
    """The whole table of up to a dozen classes, and the most frequent contradictions of any number."""
    names, counts = list(audit.examples.classes), audit.confusion
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    rows = [list(zip(c, s, strict=True)) for c, s in zip(counts.tolist(), shares.tolist(), strict=True)]
    apart = counts * (1 - np.eye(len(names), dtype=np.int64))
    first = np.argsort(-apart, axis=None, kind="stable")[:MOST_PAIRS]
    places = [divmod(int(at), len(names)) for at in first if apart.flat[at] > 0]
    pairs = [(names[g], names[s], int(counts[g, s]), float(shares[g, s])) for g, s in places]
    return Confusion(names, rows if len(names) <= MOST_CELLS else [], pairs)


def per_class(audit: Audit) -> list[ClassRow]:
    """The classes that have examples, those that seem to have the most wrong labels first."""
    names, rates, truth = audit.examples.classes, audit.noise_rates, audit.corrupted
    weights, zeros = audit.per_class(audit.mean_weight), audit.per_class(audit.zero_share)
    counts = audit.confusion.sum(1)
    known = None if truth is None else audit.per_class(truth)
    order = sorted((c for c in range(len(names)) if counts[c]), key=lambda c: -rates[c])
    return [
        ClassRow(
            names[c],
            int(counts[c]),
            float(weights[c]),
            float(zeros[c]),
            float(rates[c]),
            None if known is None else float(known[c]),
            _mostly(audit, c),
        )
        for c in order[:MOST_CLASSES]
    ]


def _mostly(audit: Audit, label: int) -> str:
    """What the issues of a class mostly seem to be."""
    said = audit.suggested[audit.issue & (audit.given == label)]
    return audit.examples.classes[int(np.bincount(said).argmax())] if len(said) else "–"
