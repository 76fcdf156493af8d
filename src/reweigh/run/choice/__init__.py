"""Which way to a model: a few are tried on part of the data before the run proper, and the held-back part chooses."""

from reweigh.run.choice.candidates import candidates as candidates
from reweigh.run.choice.choose import chosen_way as chosen_way
from reweigh.run.choice.choose import settled as settled
from reweigh.run.choice.decide import Choice as Choice

__all__ = ["Choice", "candidates", "chosen_way", "settled"]
