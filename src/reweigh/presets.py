"""Named sets of choices between cost and accuracy; what is given beside a preset counts before it.

exact    every training batch is compared with a clean gradient of its own, at the present parameters
fast     small clean batches, and the mean of their gradients over some steps: most of the clean side's cost is gone

What "fast" saves and loses is measured: docs/performance.md, "Cheaper still".
"""

from dataclasses import dataclass, replace

from reweigh.errors import BadInput


@dataclass(frozen=True)
class Preset:
    """What a name stands for: M of a clean set that the library batches itself, k and β of the clean direction."""

    clean_batch_size: int = 100
    clean_every: int = 1
    clean_average: float = 0.0


PRESETS = {"exact": Preset(), "fast": Preset(clean_batch_size=16, clean_average=0.9)}


def settled(name: str, *, clean_every: int | None = None, clean_average: float | None = None) -> Preset:
    """The preset of that name, less what was given beside it.

    Raises:
        BadInput: if there is none of that name.
    """
    if name not in PRESETS:
        raise BadInput(f"there is no preset {name!r}: choose {' or '.join(map(repr, PRESETS))}")
    usual = PRESETS[name]
    every = usual.clean_every if clean_every is None else clean_every
    return replace(
        usual, clean_every=every, clean_average=usual.clean_average if clean_average is None else clean_average
    )
