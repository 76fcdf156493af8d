"""Every mode, and every change of mode, sizes, layers, losses and arithmetic, over the whole zoo: right, or refused."""

import pytest

import laws
from zoo import CASES, named

SERVED = [case for case in CASES if "auto" not in case.refused_by]
SETTLED = [case for case in SERVED if not case.random]
# What is remembered of a loss object is no matter of the model.
FEW = named("mlp", "lenet", "encoder-layer-train", "two-views-stacked", "length-equals-batch", "linear-chain-crf")


IN_MODES = [(case, engine) for case in CASES for engine in laws.distinct(case, ("ghost", "forward", "auto"))]


@pytest.mark.parametrize(("case", "engine"), IN_MODES, ids=str)
def test_right_in_the_other_mode(case, engine):
    """In its usual mode every case is held against the loop in tests/alignment/test_zoo.py, by all engines; "finite" and
    "double" know of no mode.
    """
    laws.right_in_mode(case, engine, training=not case.train_mode)


@pytest.mark.parametrize("case", SETTLED, ids=str)
def test_right_after_every_change(case):
    laws.right_after_every_change(case)


@pytest.mark.parametrize("case", FEW, ids=str)
def test_right_for_every_loss(case):
    laws.right_for_every_loss(case)


# The reference goes back through one graph once an example, which compiled code does not allow under autocast.
UNCOMPILED = [case for case in SETTLED if "compiled" not in case.name]


@pytest.mark.parametrize("case", UNCOMPILED, ids=str)
def test_right_under_autocast_and_after(case):
    laws.right_under_autocast_and_after(case)
