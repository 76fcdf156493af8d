"""Which way to a model: a few are tried on part of the data before the run proper, and the held-back part chooses."""

from reweigh.run.choice.candidates import candidates as candidates
from reweigh.run.choice.choose import chosen_way as chosen_way
from reweigh.run.choice.choose import settled as settled
from reweigh.run.choice.decide import Choice as Choice
from reweigh.run.choice.kinds import becomes as becomes
from reweigh.run.choice.kinds import helping as helping
from reweigh.run.choice.kinds import kinds_tried as kinds_tried

__all__ = ["Choice", "becomes", "candidates", "chosen_way", "helping", "kinds_tried", "settled"]
