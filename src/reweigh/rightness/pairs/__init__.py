"""Pairs of sequences: are they translations, answers, captions of each other?"""

from reweigh.rightness.pairs.features import pair_features as pair_features
from reweigh.rightness.pairs.spoil import PAIR_KINDS as PAIR_KINDS
from reweigh.rightness.pairs.spoil import pair_kind as pair_kind
from reweigh.rightness.pairs.spoil import spoil as spoil
from reweigh.rightness.pairs.verify import verify_pairs as verify_pairs
