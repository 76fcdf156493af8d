"""The distrusted examples, the confusion of labels, and the classes, as rows for the page."""

from dataclasses import dataclass

import numpy as np

from reweigh.audit import Audit
from reweigh.audit.as_read import rows_as_read
from reweigh.report.rightness import intervals_by_class
from reweigh.report.thumbnails import data_uri, first_numbers
from reweigh.run.gallery import are_images

MOST_CLASSES, MOST_CELLS, MOST_PAIRS = 100, 12, 15


@dataclass(frozen=True)
class Suspect:
    """A distrusted example; `truth` is None where nothing is known of any label.

    What is to be seen of it is an `image`, or `cells`: columns and values of a table, a text, or the first numbers.
    """

    name: str
    given: str
    suggested: str
    sure: str
    weight: float
    zero_share: float
    quality: float
    image: str | None
    cells: list[tuple[str, str]]
    wrong: bool | None
    truth: str | None


@dataclass(frozen=True)
class Confusion:
    """Given labels (rows) by predicted ones (columns): counts and shares of the row; or the largest pairs only.

    Several labels an example have no table: their pairs say which are missing and which are too many.
    """

    names: list[str]
    rows: list[list[tuple[int, float]]]
    pairs: list[tuple[str, str, int, float]]


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


def distrusted(audit: Audit, count: int) -> list[Suspect]:
    """The first `count` examples of the ranking that were ever seen."""
    rows = [row for row in audit.order[:count].tolist() if audit.quality[row] == audit.quality[row]]
    seen = rows_as_read(audit, rows)
    return [_suspect(audit, row, seen.get(row)) for row in rows]


def _suspect(audit: Audit, row: int, cells: list[tuple[str, str]] | None) -> Suspect:
    examples, wrong, sure = audit.examples, audit.corrupted, float(audit.suggested_probability[row])
    image = are_images(examples)
    if cells is None and not image:
        cells = [("", number) for number in first_numbers(examples.x[row])]
    return Suspect(
        name=audit.name(row),
        given=audit.told(audit.given[row]),
        suggested=audit.told(audit.suggested[row]),
        sure="–" if sure != sure else f"{100 * sure:.0f} %",
        weight=float(audit.mean_weight[row]),
        zero_share=float(audit.zero_share[row]),
        quality=float(audit.quality[row]),
        image=data_uri(examples[row]["x"]) if image else None,
        cells=cells or [],
        wrong=None if wrong is None else bool(wrong[row]),
        truth=None if wrong is None else audit.told(examples.true_y[row]),
    )


def confusion(audit: Audit) -> Confusion:
    """The whole table of up to a dozen classes, and the most frequent contradictions of any number."""
    names, counts = list(audit.groups.names), audit.confusion
    if audit.groups.overlap:
        return Confusion(names, [], _changes(audit))
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    rows = [list(zip(c, s, strict=True)) for c, s in zip(counts.tolist(), shares.tolist(), strict=True)]
    apart = counts * (1 - np.eye(len(names), dtype=np.int64))
    first = np.argsort(-apart, axis=None, kind="stable")[:MOST_PAIRS]
    places = [divmod(int(at), len(names)) for at in first if apart.flat[at] > 0]
    pairs = [(names[g], names[s], int(counts[g, s]), float(shares[g, s])) for g, s in places]
    return Confusion(names, rows if len(names) <= MOST_CELLS else [], pairs)


def _changes(audit: Audit) -> list[tuple[str, str, int, float]]:
    """Labels that the model would take away or add, the most frequent first; shares are of those that (do not) carry it."""
    groups = audit.groups
    lost, won = (groups.given & ~groups.suggested).sum(0), (groups.suggested & ~groups.given).sum(0)
    without = len(audit) - groups.counts
    found = []
    for k, name in enumerate(groups.names):
        found.append((name, f"not {name}", int(lost[k]), float(lost[k] / max(groups.counts[k], 1))))
        found.append((f"not {name}", name, int(won[k]), float(won[k] / max(without[k], 1))))
    return sorted((pair for pair in found if pair[2]), key=lambda pair: -pair[2])[:MOST_PAIRS]


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
