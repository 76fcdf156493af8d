"""A call leaves everything as found: the model, the batches and the process, also when the loss raises."""

import pytest

import laws
import reference
from reweigh import alignments, clean_direction
from reweigh.errors import EngineRefused
from zoo import CASES

SERVED = [case for case in CASES if "auto" not in case.refused_by]


@pytest.mark.parametrize(("case", "engine"), laws.distinct_pairs(CASES))
def test_alignments_leave_all_as_found(case, engine):
    def call(scene):
        direction = reference.random_direction(scene.model)
        alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)

    laws.leaves_all_as_found(case, call)


@pytest.mark.parametrize("case", [case for case in CASES if not case.by_backward], ids=str)
def test_the_clean_direction_leaves_all_as_found(case):
    laws.leaves_all_as_found(case, lambda scene: clean_direction(scene.model, scene.per_example_loss, scene.clean))


@pytest.mark.parametrize(("case", "engine"), laws.pairs(SERVED, ["auto"]))
def test_weighing_leaves_all_as_found(case, engine):
    """Once a case: that every engine leaves all as found is asked above."""
    laws.leaves_all_as_found(case, lambda scene: laws.reweigher(scene, engine).weigh(scene.train))


@pytest.mark.parametrize(("case", "engine"), laws.refusals())
def test_a_refusal_leaves_all_as_found(case, engine):
    scene = case.build()
    laws.with_gradients(scene.model)
    direction = reference.random_direction(scene.model)
    before = laws.as_found(scene.model, scene.train)
    with pytest.raises(EngineRefused):
        alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    laws.assert_same(laws.as_found(scene.model, scene.train), before)
