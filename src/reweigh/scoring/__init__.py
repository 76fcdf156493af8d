"""Data sets of texts scored by how they lie to a small target set, with a causal language model; and what is worth keeping."""

from reweigh.scoring.call import Scored, score

__all__ = ["Scored", "score"]
