"""What must hold for every engine and every model: the laws of the design, each an assertion to be called.

A law takes a case of the zoo and an engine by name. Where truth is needed it is computed on a twin (the same case
built again from the same seed), so that nothing the engine does can touch it.
"""

from laws.bounds import (
    ENGINES,
    assert_close,
    assert_same_weights,
    bound,
    distinct,
    distinct_pairs,
    pairs,
    refusals,
    sharing_pairs,
    the_rest_slow,
)
from laws.exact import adjoint_identity, agrees_with_the_loop, refuses_and_recommends
from laws.found import as_found, assert_same, leaves_all_as_found, with_gradients
from laws.modes import (
    right_after_every_change,
    right_for_every_loss,
    right_in_mode,
    right_under_autocast_and_after,
)
from laws.ranks import two_ranks_are_one
from laws.resume import resumes
from laws.weights import (
    Ones,
    OnesFromAlignments,
    OnesFromLosses,
    agrees_with_unrolling,
    part_of,
    permuting_permutes,
    reweigher,
    scale_of_clean_loss_is_free,
    weights_of_one_are_plain_training,
    zero_weight_is_absence,
)

__all__ = [
    "ENGINES",
    "Ones",
    "OnesFromAlignments",
    "OnesFromLosses",
    "adjoint_identity",
    "agrees_with_the_loop",
    "agrees_with_unrolling",
    "as_found",
    "assert_close",
    "assert_same",
    "assert_same_weights",
    "bound",
    "distinct",
    "distinct_pairs",
    "leaves_all_as_found",
    "pairs",
    "part_of",
    "permuting_permutes",
    "refusals",
    "refuses_and_recommends",
    "resumes",
    "reweigher",
    "right_after_every_change",
    "right_for_every_loss",
    "right_in_mode",
    "right_under_autocast_and_after",
    "scale_of_clean_loss_is_free",
    "sharing_pairs",
    "the_rest_slow",
    "two_ranks_are_one",
    "weights_of_one_are_plain_training",
    "with_gradients",
    "zero_weight_is_absence",
]
