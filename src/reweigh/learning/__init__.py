"""How rules with parameters learn from the student's steps."""

from reweigh.learning.learner import Learner, Setup
from reweigh.learning.settings import LOOK_AHEADS, MEMORIES, Learning

__all__ = ["LOOK_AHEADS", "MEMORIES", "Learner", "Learning", "Setup"]
