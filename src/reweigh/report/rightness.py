"""Whether labels are right, as the page shows it: how far to believe it, kinds of wrong labels, what is taken for what."""

from dataclasses import dataclass

import numpy as np

from reweigh.audit import Audit
from reweigh.report.charts import BOTTOM, LEFT, RIGHT, TOP, Chart, Drawn, Tick
from reweigh.report.words import Finding
from reweigh.rightness.crossfit import Tenth
from reweigh.run.choice import becomes
from reweigh.words import sentence

_SIZE = (360.0, 240.0)
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
_POINT, _AS_SAID = 1, 6
MOST_PAIRS = 12


@dataclass(frozen=True)
class KindRow:
    """A kind of wrong labels, in words: how well it is told from right ones, the share of it, and what becomes of it."""

    name: str
    auroc: str
    share: str
    becomes: str


@dataclass(frozen=True)
class Pair:
    """Labels that are one thing and likely another: how many are to be expected, between what.

    `kind` is what they mostly are, where that is not what most wrong labels are.
    """

    given: str
    likely: str
    count: float
    between: str
    kind: str


@dataclass(frozen=True)
class AboutLabels:
    """The section of the page."""

    finding: Finding
    reliability: Chart
    kinds: list[KindRow]
    pairs: list[Pair]

    @property
    def tried(self) -> bool:
        """Whether it was tried what becomes of a kind."""
        return any(row.becomes for row in self.kinds)


def about_labels(audit: Audit) -> AboutLabels | None:
    """None where nothing was judged."""
    if audit.judged is None:
        return None
    evidence, said = audit.judged.of_all.evidence, audit.sentence()
    finding = Finding(sentence(said), warns=audit.estimate is None)
    return AboutLabels(finding, reliability_chart(evidence.reliability()), _kinds(audit), likely_pairs(audit))


def _kinds(audit: Audit) -> list[KindRow]:
    assert audit.judged is not None
    told = audit.judged.of_all.evidence.by_kind
    shares = {} if audit.estimate is None else audit.estimate.kinds
    tried = audit.run.summary.get("kinds", {})
    rows = dict.fromkeys([*told, *shares])  # what is taught is one kind of flipped labels, what is counted are two
    return [
        KindRow(
            name.replace("_", " "),
            f"{told[name]:.2f}" if name in told else "–",
            f"{100 * shares[name]:.1f} %" if name in shares else "–",
            becomes(tried[name]["helps"]) if name in tried else "",
        )
        for name in rows
    ]


def likely_pairs(audit: Audit) -> list[Pair]:
    """The most frequent ones of which one at least is to be expected; none where it cannot be told, or of numbers."""
    found = audit.estimate
    if found is None or found.pair_interval is None or not found.by_class:
        return []
    names, order = audit.groups.names, np.argsort(-found.pairs, axis=None, kind="stable")[:MOST_PAIRS]
    places = [divmod(int(at), found.pairs.shape[1]) for at in order if found.pairs.flat[at] >= 1]
    return [_pair(audit, names[row], row, column) for row, column in places]


def _pair(audit: Audit, name: str, row: int, column: int) -> Pair:
    found = audit.estimate
    assert found is not None
    assert found.pair_interval is not None
    low, high = found.pair_interval[:, row, column].tolist()
    kind = list(found.kinds)[int(found.pair_kinds[:, row, column].argmax())]
    usual = max(found.kinds, key=lambda name: found.kinds[name])
    mostly = "" if kind == usual else kind.replace("_", " ")
    if audit.groups.overlap:  # said in one word what is missing, or too many
        mostly = ""
        given, likely = (f"not {name}", name) if column else (name, f"not {name}")
    else:
        given, likely = name, audit.groups.names[column]
    return Pair(given, likely, float(found.pairs[row, column]), f"{low:.0f} to {high:.0f}", mostly)


def intervals_by_class(audit: Audit) -> list[str]:
    """Of the share of wrong labels in each group, in words; empty where none is known."""
    found, count = audit.estimate, len(audit.groups.names)
    if found is None or found.class_interval is None or not found.by_class:
        return [""] * count
    ends = [f"{100 * (1 - high):.0f} to {100 * (1 - low):.0f}" for low, high in found.class_interval.T.tolist()]
    return ends + [""] * (count - len(ends))


def reliability_chart(tenths: list[Tenth]) -> Chart:
    """What was said against what is so: a bar of the interval and a point for each tenth, and the line where they agree."""
    width, height = _SIZE

    def x(share: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * share

    def y(share: float) -> float:
        return TOP + (height - TOP - BOTTOM) * (1 - share)

    line = Drawn("as said", f"M{x(0):.1f} {y(0):.1f} L{x(1):.1f} {y(1):.1f}", _AS_SAID)
    bars = [
        Drawn(
            "pairs",
            f"M{x(t.said):.1f} {y(t.low):.1f} L{x(t.said):.1f} {y(t.high):.1f}",
            _POINT,
            (x(t.said), y(t.right)),
        )
        for t in tenths
    ]
    told = "; ".join(f"{t.said:.0%} said, {t.right:.0%} right ({t.low:.0%} to {t.high:.0%})" for t in tenths)
    return Chart(
        "Reliability",
        f"How often labels of checked examples were right, by how likely they were said to be: {told}.",
        width,
        height,
        tuple(Tick(x(share), f"{share:.0%}") for share in _TICKS),
        tuple(Tick(y(share), f"{share:.0%}") for share in _TICKS),
        (line, *bars),
    )
