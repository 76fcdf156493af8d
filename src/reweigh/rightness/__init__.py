"""Is a label right? The second number of an example, beside the alignment, which says whether it helps now."""

from reweigh.rightness import kinds as kinds  # each makes itself known
from reweigh.rightness.crossfit import CrossFit
from reweigh.rightness.judging import OF_CLASSES, OF_LABELS, OF_NUMBERS, Judging
from reweigh.rightness.rightness import LabelRightness, NumberRightness, Rightness, weights_by
from reweigh.rightness.verifier import Verifier
from reweigh.rightness.verify import verify
from reweigh.rightness.verify_others import verify_labels, verify_numbers
from reweigh.rightness.view import FEATURES, View, feature
from reweigh.rightness.wrongness import KINDS, kind, label_kind, number_kind

__all__ = [
    "FEATURES",
    "KINDS",
    "OF_CLASSES",
    "OF_LABELS",
    "OF_NUMBERS",
    "CrossFit",
    "Judging",
    "LabelRightness",
    "NumberRightness",
    "Rightness",
    "Verifier",
    "View",
    "feature",
    "kind",
    "kinds",
    "label_kind",
    "number_kind",
    "verify",
    "verify_labels",
    "verify_numbers",
    "weights_by",
]
