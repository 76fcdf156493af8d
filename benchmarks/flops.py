"""Floating-point operations of one training step, counted by PyTorch at every matrix product, convolution and attention.

Elementwise work (norms, activations, the optimizer) does not count, and is what keeps the measured ratio off the counted one
where a network does much of it.
"""

import warnings

from torch.utils.flop_counter import FlopCounterMode

from benchmarks.variants import Step


def flops(step: Step) -> int | None:
    """The operations of one step, which is taken in any case; None where PyTorch cannot count them."""
    counter = FlopCounterMode(display=False)
    try:
        with warnings.catch_warnings(), counter:
            warnings.simplefilter("ignore")
            step()
    except Exception:  # the counter stumbles over some of what runs well without it
        step()
        return None
    return int(counter.get_total_flops())
