"""From alignments (and losses) to weights."""

from reweigh.rules.baselines import ClassProportion, ClassResampling, HardMining, Oracle, RandomRectified, Uniform
from reweigh.rules.checked_rows import CheckedOnly, FineTuned
from reweigh.rules.class_aware import ClassAwareWeightNet
from reweigh.rules.deep_interaction import READS, DeepInteraction
from reweigh.rules.drawn import Drawn
from reweigh.rules.judged import Judged, JudgedAndHelpful
from reweigh.rules.l2rw import L2RW
from reweigh.rules.learned import NORMALISATIONS, LearnedRule
from reweigh.rules.masks import Masks
from reweigh.rules.materials import Materials, SecondModel
from reweigh.rules.meta_weight_net import MetaWeightNet
from reweigh.rules.rightness import RightAndHelpful, RightnessRule
from reweigh.rules.rule import Evidence, Rule, Shown, to_sum_one
from reweigh.rules.rule_file import read_rule
from reweigh.rules.small_loss import SmallLoss
from reweigh.rules.smoothed import SmoothedL2RW

__all__ = [
    "L2RW",
    "NORMALISATIONS",
    "READS",
    "CheckedOnly",
    "ClassAwareWeightNet",
    "ClassProportion",
    "ClassResampling",
    "DeepInteraction",
    "Drawn",
    "Evidence",
    "FineTuned",
    "HardMining",
    "Judged",
    "JudgedAndHelpful",
    "LearnedRule",
    "Masks",
    "Materials",
    "MetaWeightNet",
    "Oracle",
    "RandomRectified",
    "RightAndHelpful",
    "RightnessRule",
    "Rule",
    "SecondModel",
    "Shown",
    "SmallLoss",
    "SmoothedL2RW",
    "Uniform",
    "read_rule",
    "to_sum_one",
]
