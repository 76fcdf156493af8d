"""Data sets of texts scored by how they lie to a small target set, with a causal language model; and what is worth
keeping.
"""

from reweigh.scoring.call import Scored, score
from reweigh.scoring.formats import FORMATS
from reweigh.scoring.selecting import Selected, select

__all__ = ["FORMATS", "Scored", "Selected", "score", "select"]
