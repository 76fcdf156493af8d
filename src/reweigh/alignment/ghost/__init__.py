"""Ghost products: alignments from what one backward pass leaves at each layer."""

from reweigh.alignment.ghost.engine import Ghost as Ghost
from reweigh.alignment.ghost.layers import layer as layer

__all__ = ["Ghost", "layer"]
