"""Floating-point operations of one training step, counted by PyTorch at every matrix product, convolution and attention."""

import warnings

from torch.utils.flop_counter import FlopCounterMode

from benchmarks.variants import Step


def flops(step: Step) -> int | None:
    """The operations of one step, or None where PyTorch cannot count them."""
    counter = FlopCounterMode(display=False)
    try:
        with warnings.catch_warnings(), counter:
            warnings.simplefilter("ignore")
            step()
    except Exception:  # the counter sees less than what runs, and may stumble over what runs well without it
        return None
    return int(counter.get_total_flops())
