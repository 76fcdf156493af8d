"""Ghost products: alignments from what one backward pass leaves at each layer."""

from reweigh.alignment.ghost.engine import Ghost
from reweigh.alignment.ghost.layers import layer

__all__ = ["Ghost", "layer"]
