"""OpenNMT-py: corpora by weight, since it has no weights for sentences: `weight: N` takes N examples of a corpus in turn.

Such a number is whole, at least 1, and of the corpus: one of n pairs with a mean weight of w is drawn from in proportion to
n times w, so that each of its pairs comes up in proportion to w. Pairs that weigh next to nothing are left out.
"""

from pathlib import Path

import numpy as np

from reweigh.exchange.weighed import Weighed, beside, sides
from reweigh.exchange.yaml_text import yaml_of
from reweigh.ledger.visits import Array

NOTHING, BINS, PARTS = 0.05, 4, 100


class OpenNMTpy:
    """A pair of files for each range of weights, and `data:` of the configuration."""

    name = "opennmt-py"

    def files(self, pairs: Weighed, target: Path) -> dict[Path, str]:
        """The corpora, the least trusted first, and YAML."""
        found, told, parts = dict[Path, str](), dict[str, dict[str, object]](), _bins(pairs)
        whole = sum(float(part.weights.sum()) for part in parts)
        for number, part in enumerate(parts, 1):
            texts = sides(part, beside(target, str(number)))
            source, goal = map(str, texts)
            weight = max(1, round(PARTS * float(part.weights.sum()) / whole))
            told[f"weighed_{number}"] = {"path_src": source, "path_tgt": goal, "weight": weight}
            found |= texts
        return {**found, beside(target, "yaml"): yaml_of({"data": told})}

    def steps(self, pairs: Weighed, target: Path) -> list[str]:
        """The configuration, and what is not there."""
        left = int((pairs.weights < NOTHING).sum())
        return [
            f"put `data:` of {beside(target, 'yaml')} into your configuration; {left:,} pairs that weigh less than "
            f"{NOTHING} are left out"
        ]


def _bins(pairs: Weighed) -> list[Weighed]:
    """The pairs that weigh something, in ranges of about as many."""
    rows = np.flatnonzero(pairs.weights >= NOTHING)
    ranked = rows[np.argsort(pairs.weights[rows], kind="stable")]
    return [_chosen(pairs, np.sort(part)) for part in np.array_split(ranked, BINS) if part.size]


def _chosen(pairs: Weighed, rows: Array) -> Weighed:
    texts = [[side[row] for row in rows.tolist()] for side in (pairs.sources, pairs.targets, pairs.ids)]
    return Weighed(pairs.names, texts[0], texts[1], texts[2], pairs.weights[rows], pairs.right[rows], pairs.task)
