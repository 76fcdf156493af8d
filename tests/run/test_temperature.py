"""A temperature makes probabilities as often right as they say, changes no prediction, and is left out where it must be."""

import pytest
import torch

from reweigh.run.temperature import FEWEST, Temperature, calibration_error
from reweigh.tasks import task_of

CLASSES = ("a", "b", "c")


def said(count, factor, seed=0):
    """Outputs that are `factor` times as large as those that the labels were drawn by."""
    generator = torch.Generator().manual_seed(seed)
    true = 2 * torch.randn(count, 3, generator=generator)
    return factor * true, torch.multinomial(true.softmax(1), 1, generator=generator)[:, 0]


@pytest.mark.parametrize("factor", [0.5, 1.0, 4.0])
def test_the_factor_is_found(factor):
    outputs, y = said(2000, factor)
    found = Temperature.of(task_of(y, CLASSES), outputs, y)
    assert found.value == pytest.approx(factor, rel=0.1)
    assert found.examples == 2000


def test_new_examples_are_calibrated_and_predictions_stay():
    outputs, y = said(100, 4.0)
    task = task_of(y, CLASSES)
    found = Temperature.of(task, outputs, y)
    new, truth = said(5000, 4.0, seed=1)
    before, after = task.probabilities(new), found.probabilities(task, new)
    assert calibration_error(before, truth) > 0.15
    assert calibration_error(after, truth) < 0.05
    assert torch.equal(before.argmax(1), after.argmax(1))


def test_a_few_that_are_all_right_do_not_make_it_sure_of_everything():
    y = torch.arange(FEWEST) % 3
    outputs = 3 * torch.nn.functional.one_hot(y, 3).float()
    found = Temperature.of(task_of(y, CLASSES), outputs, y)
    assert found.value > 0.3


def test_too_few_are_too_few_and_it_says_so():
    outputs, y = said(FEWEST - 1, 4.0)
    task = task_of(y, CLASSES)
    found = Temperature.of(task, outputs, y)
    assert found.value is None
    assert "19 held-back examples are too few to calibrate" in found.sentence()
    assert torch.equal(found.probabilities(task, outputs), task.probabilities(outputs))


def test_numbers_have_no_probabilities():
    y = torch.randn(50)
    assert Temperature.of(task_of(y, ("value",)), y[:, None], y) is None


def test_several_labels():
    generator = torch.Generator().manual_seed(0)
    true = 2 * torch.randn(1000, 2, generator=generator)
    y = torch.bernoulli(true.sigmoid(), generator=generator)
    assert Temperature.of(task_of(y, ("one", "two")), 3 * true, y).value == pytest.approx(3, rel=0.15)


def test_the_error_of_perfect_calibration_is_small_and_of_certainty_is_the_share_of_mistakes():
    y = torch.tensor([0, 0, 0, 1])
    certain = torch.tensor([[1.0, 0.0]]).repeat(4, 1)
    assert calibration_error(certain, y) == pytest.approx(0.25)
    assert calibration_error(torch.tensor([[0.75, 0.25]]).repeat(4, 1), y) == pytest.approx(0)
