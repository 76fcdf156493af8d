"""Named choices between cost and accuracy; what is given beside a preset counts before it.

exact    alignments along all layers, one training pass over all examples
fast     alignments along the last quarter of the layers, no training pass over examples without a weight

What "fast" saves and loses is measured: docs/performance.md, "Cheaper still". Small clean batches lost more, and a
direction kept or averaged over steps (`clean_every=`, `clean_average=`) made training collapse at a high learning rate.
"""

from dataclasses import dataclass

from reweigh.errors import BadInput


@dataclass(frozen=True)
class Preset:
    """Whether alignments are taken along the last layers only, and whether zero weights are skipped."""

    last_layers: bool
    skip_zeros: bool


PRESETS = {"exact": Preset(last_layers=False, skip_zeros=False), "fast": Preset(last_layers=True, skip_zeros=True)}


def preset_named(name: str) -> Preset:
    """The preset of that name.

    Raises:
        BadInput: if there is none.
    """
    if name not in PRESETS:
        raise BadInput(f"there is no preset {name!r}: choose {' or '.join(map(repr, PRESETS))}")
    return PRESETS[name]
