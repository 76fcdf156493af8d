"""From alignments (and losses) to weights."""

from reweigh.rules.baselines import ClassProportion as ClassProportion
from reweigh.rules.baselines import ClassResampling as ClassResampling
from reweigh.rules.baselines import HardMining as HardMining
from reweigh.rules.baselines import Oracle as Oracle
from reweigh.rules.baselines import RandomRectified as RandomRectified
from reweigh.rules.baselines import Uniform as Uniform
from reweigh.rules.class_aware import ClassAwareWeightNet as ClassAwareWeightNet
from reweigh.rules.deep_interaction import READS as READS
from reweigh.rules.deep_interaction import DeepInteraction as DeepInteraction
from reweigh.rules.l2rw import L2RW as L2RW
from reweigh.rules.learned import NORMALISATIONS as NORMALISATIONS
from reweigh.rules.learned import LearnedRule as LearnedRule
from reweigh.rules.materials import Materials as Materials
from reweigh.rules.materials import SecondModel as SecondModel
from reweigh.rules.meta_weight_net import MetaWeightNet as MetaWeightNet
from reweigh.rules.rule import Evidence as Evidence
from reweigh.rules.rule import Rule as Rule
from reweigh.rules.rule import to_sum_one as to_sum_one
from reweigh.rules.rule_file import read_rule as read_rule
from reweigh.rules.smoothed import SmoothedL2RW as SmoothedL2RW

__all__ = [
    "L2RW",
    "NORMALISATIONS",
    "READS",
    "ClassAwareWeightNet",
    "ClassProportion",
    "ClassResampling",
    "DeepInteraction",
    "Evidence",
    "HardMining",
    "LearnedRule",
    "Materials",
    "MetaWeightNet",
    "Oracle",
    "RandomRectified",
    "Rule",
    "SecondModel",
    "SmoothedL2RW",
    "Uniform",
    "read_rule",
    "to_sum_one",
]
