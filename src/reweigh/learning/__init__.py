"""How rules with parameters learn from the student's steps."""

from reweigh.learning.learner import Learner as Learner
from reweigh.learning.learner import Setup as Setup
from reweigh.learning.settings import LOOK_AHEADS as LOOK_AHEADS
from reweigh.learning.settings import MEMORIES as MEMORIES
from reweigh.learning.settings import Learning as Learning

__all__ = ["LOOK_AHEADS", "MEMORIES", "Learner", "Learning", "Setup"]
