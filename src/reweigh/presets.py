"""Named choices between cost and accuracy; what is given beside a preset counts before it.

exact    clean batches of 100 (the command line: as large as the training batches), one pass over all examples
fast     clean batches of 16, and no training pass over examples without a weight

What "fast" saves and loses is measured: docs/performance.md, "Cheaper still". A direction kept or averaged over steps
(`clean_every=`, `clean_average=`) is in no preset, since it made training collapse at a high learning rate.
"""

from dataclasses import dataclass

from reweigh.errors import BadInput


@dataclass(frozen=True)
class Preset:
    """M of a clean set that the library batches itself, and whether zero weights are skipped."""

    clean_batch_size: int
    skip_zeros: bool


PRESETS = {"exact": Preset(100, skip_zeros=False), "fast": Preset(16, skip_zeros=True)}


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        BadInput: if there is none.
    """
    if name not in PRESETS:
        raise BadInput(f"there is no preset {name!r}: choose {' or '.join(map(repr, PRESETS))}")
    return PRESETS[name]
