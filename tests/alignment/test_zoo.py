"""Every engine on every model of the zoo: exact to the bound, or refused by name."""

import pytest
import torch

import laws
import reference
from reweigh import alignments
from reweigh.errors import EngineRefused
from zoo import CASES


def test_the_zoo_is_large_and_its_names_are_unique():
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)


def test_every_case_is_served_by_some_engine():
    nowhere = {case.name for case in CASES if set(laws.ENGINES) <= set(case.refused_by)}
    assert nowhere == {"embedding-by-frequency", "checkpoint-reentrant"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize(("case", "engine"), laws.pairs())
def test_alignments_are_those_of_a_loop_over_examples(case, engine, dtype):
    laws.agrees_with_the_loop(case, engine, dtype)


@pytest.mark.parametrize(("case", "engine"), laws.pairs(engines=["auto"]))
def test_adjoint_identity(case, engine):
    """Once a case: engines that agree with the loop obey it as the loop does."""
    laws.adjoint_identity(case, engine)


@pytest.mark.parametrize(("case", "engine"), laws.refusals())
def test_a_refusal_names_the_layer_and_an_engine_that_works(case, engine):
    laws.refuses_and_recommends(case, engine)


@pytest.mark.parametrize(("case", "engine"), laws.refusals())
def test_what_is_wrong_is_refused_in_float32_too(case, engine):
    """Here the check has rounding to contend with, and percents of error are still errors."""
    scene = case.build(dtype=torch.float32)
    direction = reference.random_direction(scene.model)
    with pytest.raises(EngineRefused):
        alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
