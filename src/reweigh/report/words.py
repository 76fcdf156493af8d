"""What a run's numbers mean, in plain words, and when they are a warning."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reweigh.step import VANISHED

FEW, NEARLY_ALL, NEARLY_NOTHING_LEFT = 0.1, 0.95, 0.9


@dataclass(frozen=True)
class Finding:
    """A sentence or two about a number; `warns` where something should be done."""

    text: str
    warns: bool = False


def column(lines: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    """One number of each epoch; None where it was not measured."""
    values = [line.get(name) for line in lines]
    return [float(v) if isinstance(v, int | float) and math.isfinite(v) else None for v in values]


def about_direction(norms: Sequence[float | None], *, images: bool = False) -> Finding:
    """On ‖v‖, the length of the clean direction; of `images` new ones can be made of those that there are."""
    known = [norm for norm in norms if norm is not None]
    if not known:
        return Finding("This rule does not look at the clean set while it trains, so there is no clean direction.")
    share = known[-1] / max(known) if max(known) > 0 else 0.0
    more = "augment the clean images (--augment), " if images else ""
    if share < VANISHED:
        return Finding(
            f"The clean gradient has all but vanished: at the end it is {share:.1%} of its highest. The clean set is "
            f"fitted, and the later weights are mostly noise. Train for fewer epochs, {more}or check more examples.",
            warns=True,
        )
    return Finding(
        f"At the end the clean gradient still has {share:.0%} of its highest length, so the weights had something to go by."
    )


def about_sample_size(sizes: Sequence[float | None], batch_size: int) -> Finding:
    """On the effective sample size of a batch."""
    known = [size for size in sizes if size is not None]
    if not known:
        return Finding("The effective sample size was not measured.")
    share = known[-1] / batch_size
    told = f"At the end a batch of {batch_size} counted as {known[-1]:.0f} equally weighted examples ({share:.0%})."
    if share < FEW:
        return Finding(
            f"{told} So few make the steps noisy: take larger batches, or a lower learning rate.", warns=True
        )
    if share > NEARLY_ALL:
        return Finding(f"{told} The weights are nearly equal: reweighting changed little here.", warns=True)
    return Finding(f"{told} That is enough to learn from.")


def about_zeros(shares: Sequence[float | None]) -> Finding:
    """On the share of a batch whose weight is zero."""
    known = [share for share in shares if share is not None]
    if not known:
        return Finding("The share of zero weights was not measured.")
    told = f"At the end {known[-1]:.0%} of the weights were zero."
    if known[-1] > NEARLY_NOTHING_LEFT:
        return Finding(f"{told} Next to nothing is learnt from: look at the clean set, is it right?", warns=True)
    return Finding(
        told
        if known[-1] == 0
        else f"{told} With L2RW about half is usual, for right labels that are learnt already too."
    )


def about_baselines(score: float, others: Sequence[float], *, share: bool = True) -> Finding:
    """On the score against the other runs; `share` says whether scores are shares, so that differences are points."""
    if not others:
        return Finding(
            "No baseline was given. Train the same with --rule uniform --keep-clean-in-train (plain training on all of it) "
            "and with --rule random (a control that zeroes weights by chance), and name their folders with --against: "
            "without them the score says little.",
            warns=True,
        )
    gain = score - max(others)
    told = f"{100 * abs(gain):.1f} points" if share else f"{abs(gain):.3f}"
    if gain < 0:
        return Finding(f"The best of the other runs is {told} better than this one.", warns=True)
    return Finding(f"This run is {told} above the best of the other runs. One seed each is an anecdote: try more.")
