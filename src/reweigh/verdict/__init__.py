"""Whether weights helped: a run beside plain training, the checked rows alone and a learner of the trade, in a sentence."""

from reweigh.verdict.compare import compare as compare
from reweigh.verdict.compare import other_ways as other_ways
from reweigh.verdict.compare import trained_outputs as trained_outputs
from reweigh.verdict.compare import verdict_on as verdict_on
from reweigh.verdict.interval import Difference as Difference
from reweigh.verdict.stored import read_verdict as read_verdict
from reweigh.verdict.stored import verdict_of as verdict_of
from reweigh.verdict.verdict import Rival as Rival
from reweigh.verdict.verdict import Verdict as Verdict

__all__ = [
    "Difference",
    "Rival",
    "Verdict",
    "compare",
    "other_ways",
    "read_verdict",
    "trained_outputs",
    "verdict_of",
    "verdict_on",
]
