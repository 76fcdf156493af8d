"""What is decided of a column: its plan, the sentences that the user should read, and the counts for the summary."""

from typing import Any, NamedTuple

import numpy as np

from ...words import counted, shown
from .values import FloatArray

Plan = dict[str, Any]


class Decision(NamedTuple):
    """What becomes of a column.

    Attributes:
        plan: what is done with it; None where it is left out.
        notes: sentences for the screen, but for why it is left out.
        told: counts for `summary.json`: kind, cells that are missing, words taken as missing, how it was read.
    """

    plan: Plan | None
    notes: tuple[str, ...]
    told: dict[str, Any]

    @property
    def why(self) -> str | None:
        """Why it is left out."""
        return self.told.get("left_out")


def dropped(name: str, why: str) -> Decision:
    """A column that is not learned from."""
    return Decision(None, (), {"left_out": why})


def left_out_notes(decisions: dict[str, Decision]) -> list[str]:
    """A sentence for each reason, with the columns that it is true of."""
    reasons: dict[str, list[str]] = {}
    for name, decision in decisions.items():
        if decision.why is not None:
            reasons.setdefault(decision.why, []).append(name)
    notes = []
    for why, names in reasons.items():
        which = ", ".join(shown(name) for name in names[:8]) + (
            f" and {len(names) - 8:,} more" if len(names) > 8 else ""
        )
        several = len(names) > 1
        notes.append(f"column{'s' * several} {which} {'are' if several else 'is'} not learned from: {why}")
    return notes


def empty_note(decisions: dict[str, Decision]) -> list[str]:
    """How many cells hold nothing, by column; words that are taken as missing have sentences of their own."""
    gaps = {
        name: one.told.get("missing", 0) - sum(one.told.get("missing_words", {}).values())
        for name, one in decisions.items()
    }
    found = [f"{count:,} of column {shown(name)}" for name, count in gaps.items() if count > 0]
    more = f" and those of {len(found) - 8:,} more columns" if len(found) > 8 else ""
    return [f"cells that hold nothing count as missing: {', '.join(found[:8])}{more}"] if found else []


def scaled(name: str, kind: str, values: FloatArray, missing: bool) -> Plan:
    """A plan for finite numbers: their mean, and their deviation, 1 where all are the same so that it can divide."""
    mean = float(values.mean())
    squares = float(((values - mean) ** 2).sum())
    deviation = float(np.sqrt(squares / values.size)) if squares > 0 else 1.0
    return {"name": name, "kind": kind, "mean": mean, "deviation": deviation, "missing": missing}


def missing_note(name: str, kind: str, words: dict[str, int]) -> str:
    """Which words are taken as missing, and how often."""
    most = [f"{shown(word)}{'' if count == 1 else f' {count:,} times'}" for word, count in list(words.items())[:3]]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    cells = counted(sum(words.values()), "cell")
    return f"column {shown(name)} is taken as {kind}; {cells} with words ({', '.join(most)}{more}) count as missing"
