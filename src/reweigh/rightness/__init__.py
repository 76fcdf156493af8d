"""Is a label right? The second number of an example, beside the alignment, which says whether it helps now."""

from reweigh.rightness.crossfit import CrossFit
from reweigh.rightness.kinds import KINDS, kind
from reweigh.rightness.rightness import Rightness, weights_by
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.verify import verify
from reweigh.rightness.view import FEATURES, View, feature

__all__ = ["FEATURES", "KINDS", "CrossFit", "Rightness", "Verifier", "View", "feature", "kind", "verify", "weights_by"]
