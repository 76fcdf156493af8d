"""From alignments (and losses) to weights."""

from reweigh.rules.baselines import ClassProportion as ClassProportion
from reweigh.rules.baselines import ClassResampling as ClassResampling
from reweigh.rules.baselines import HardMining as HardMining
from reweigh.rules.baselines import Oracle as Oracle
from reweigh.rules.baselines import RandomRectified as RandomRectified
from reweigh.rules.baselines import Uniform as Uniform
from reweigh.rules.l2rw import L2RW as L2RW
from reweigh.rules.rule import Evidence as Evidence
from reweigh.rules.rule import Rule as Rule
from reweigh.rules.rule import to_sum_one as to_sum_one

__all__ = [
    "L2RW",
    "ClassProportion",
    "ClassResampling",
    "Evidence",
    "HardMining",
    "Oracle",
    "RandomRectified",
    "Rule",
    "Uniform",
    "to_sum_one",
]
