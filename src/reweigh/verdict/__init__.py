"""Whether weights helped: a run beside plain training, the checked rows alone and a learner of the trade, in a sentence."""

from reweigh.verdict.compare import compare as compare
from reweigh.verdict.interval import Difference as Difference
from reweigh.verdict.stored import read_verdict as read_verdict
from reweigh.verdict.stored import verdict_of as verdict_of
from reweigh.verdict.verdict import Rival as Rival
from reweigh.verdict.verdict import Verdict as Verdict

__all__ = ["Difference", "Rival", "Verdict", "compare", "read_verdict", "verdict_of"]
