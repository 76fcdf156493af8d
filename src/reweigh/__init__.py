"""reweigh: learn which training examples to trust."""

from reweigh._version import __version__ as __version__
from reweigh.alignment import alignments as alignments
from reweigh.direction import clean_direction as clean_direction
from reweigh.learning import Learning as Learning
from reweigh.reweigher import Reweigher as Reweigher
from reweigh.rules import L2RW as L2RW
from reweigh.rules import ClassAwareWeightNet as ClassAwareWeightNet
from reweigh.rules import DeepInteraction as DeepInteraction
from reweigh.rules import MetaWeightNet as MetaWeightNet

__all__ = [
    "L2RW",
    "ClassAwareWeightNet",
    "DeepInteraction",
    "Learning",
    "MetaWeightNet",
    "Reweigher",
    "__version__",
    "alignments",
    "clean_direction",
]
