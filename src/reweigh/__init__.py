"""reweigh: learn which training examples to trust."""

from reweigh._version import __version__ as __version__
from reweigh.alignment import alignments as alignments
from reweigh.direction import clean_direction as clean_direction
from reweigh.ledger import Ledger as Ledger
from reweigh.reweigher import Reweigher as Reweigher
from reweigh.rules import L2RW as L2RW

__all__ = ["L2RW", "Ledger", "Reweigher", "__version__", "alignments", "clean_direction"]
