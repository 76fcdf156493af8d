"""The laws of the weights, for every engine over the zoo."""

import pytest

import laws
from zoo import CASES, named

SETTLED = [case for case in CASES if not case.random and "auto" not in case.refused_by]
UNORDERED = [case for case in SETTLED if not case.by_place]
APART = [case for case in SETTLED if not case.mixes_examples]
SERVED = [case for case in CASES if "auto" not in case.refused_by]
# One of a kind is enough for what concerns the clean stream and the saved state, not the model.
FEW = named("mlp", "batchnorm2d-train", "dropout", "lstm", "buffer-reassigned", "ddp")


@pytest.mark.parametrize("rule", [laws.Ones, laws.OnesFromLosses], ids=["needs-nothing", "needs-losses"])
@pytest.mark.parametrize("fused", [False, True], ids=["apart", "fused"])
@pytest.mark.parametrize("case", SERVED, ids=str)
def test_weights_of_one_are_plain_training_bit_for_bit(case, rule, fused):
    laws.weights_of_one_are_plain_training(case, "auto", rule(), fused, bitwise=True)


@pytest.mark.parametrize(("case", "engine"), laws.pairs(SERVED, ["auto"]))
def test_asking_for_alignments_leaves_training_bit_for_bit(case, engine):
    laws.weights_of_one_are_plain_training(case, engine, laws.OnesFromAlignments(), fused=False, bitwise=True)


@pytest.mark.parametrize(("case", "engine"), laws.sharing_pairs(SERVED, FEW))
def test_the_fused_backward_trains_as_plainly(case, engine):
    """The fused pass may run other kernels, so to rounding; buffers and generators move as in one ordinary pass."""
    laws.weights_of_one_are_plain_training(case, engine, laws.OnesFromAlignments(), fused=True, bitwise=False)


@pytest.mark.parametrize(("case", "engine"), laws.sharing_pairs(APART, set(FEW) & set(APART)))
def test_a_zero_weight_equals_an_absent_example(case, engine):
    laws.zero_weight_is_absence(case, engine)


@pytest.mark.parametrize(("case", "engine"), laws.pairs(UNORDERED, ["auto"]))
def test_permuting_the_batch_permutes_the_weights(case, engine):
    """Once a case: the loop, with which every engine agrees, knows no places."""
    laws.permuting_permutes(case, engine)


@pytest.mark.parametrize("scale", [1e-3, 1e3])
@pytest.mark.parametrize(("case", "engine"), laws.distinct_pairs(FEW))
def test_scaling_the_clean_loss_leaves_the_weights(case, engine, scale):
    laws.scale_of_clean_loss_is_free(case, engine, scale)


@pytest.mark.parametrize(("case", "engine"), laws.distinct_pairs(FEW))
def test_a_resumed_run_gives_the_same_weights(case, engine):
    laws.resumes(case, engine)
