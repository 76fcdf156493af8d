"""Scores on resamples: the first is the score itself, and each class is drawn as often as it is there."""

import pytest
import torch
from sklearn.metrics import f1_score

from reweigh.run.choice.scoring import DOUBT, RESAMPLES, doubt, macro_f1, of_task
from reweigh.tasks import task_of


def drawn(count, classes, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, classes, generator=generator), torch.randint(classes, (count,), generator=generator)


def test_the_first_is_the_score_of_scikit_learn():
    outputs, y = drawn(200, 4, 0)
    weights = torch.rand(200, generator=torch.Generator().manual_seed(1))
    found = macro_f1([outputs, -outputs], y, weights, torch.Generator().manual_seed(0))
    assert found.shape == (1 + RESAMPLES, 2)
    wanted = f1_score(y, outputs.argmax(1), average="macro", sample_weight=weights)
    assert found[0, 0] == pytest.approx(wanted)


def test_resamples_spread_as_the_score_does():
    many = [macro_f1([outputs], y, torch.ones(len(y)), torch.Generator().manual_seed(0))[0, 0]
            for outputs, y in (drawn(150, 3, seed) for seed in range(100))]  # fmt: skip
    outputs, y = drawn(150, 3, 1)
    spread = macro_f1([outputs], y, torch.ones(len(y)), torch.Generator().manual_seed(0))[1:, 0].std()
    assert spread == pytest.approx(torch.tensor(many).std().item(), rel=0.35)


def test_a_rare_class_is_in_every_resample():
    y = torch.tensor([0] * 50 + [1])
    outputs = torch.nn.functional.one_hot(y, 2).float()
    found = macro_f1([outputs], y, torch.ones(51), torch.Generator().manual_seed(0))
    assert (found == 1).all()


def test_an_example_without_weight_says_nothing():
    y, outputs = torch.tensor([0, 1, 0, 1]), torch.tensor([[1.0, 0], [0, 1], [0, 1], [1, 0]])
    weights = torch.tensor([1.0, 1, 0, 0])
    assert (macro_f1([outputs], y, weights, torch.Generator().manual_seed(0))[0] == 1).all()


def test_other_tasks_have_their_own_score():
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(40, generator=generator)
    near, far = y[:, None] + 0.1, torch.zeros(40, 1)
    found = of_task(task_of(y, ("value",)), [near, far], y, generator)
    assert found.shape == (1 + RESAMPLES, 2)
    assert found[0, 0] > 0.9 > found[0, 1]


def says(labels, classes=2):
    return torch.nn.functional.one_hot(torch.tensor(labels), classes).double()


def test_what_both_ways_say_or_what_is_sure_leaves_no_doubt():
    y = torch.tensor([0, 0, 1, 1])
    one, other, unsure = says([0, 1, 1, 0]), says([0, 0, 0, 1]), torch.full((4,), 0.6)
    assert doubt([one, one], 0, y, unsure).tolist() == [0, 0]
    assert doubt([one, other], 0, y, torch.ones(4))[1] < 1e-6
    assert doubt([one, other], 1, y, unsure)[1] == 0
    assert doubt([one, other], 1, y, unsure)[0] > 0.1


def test_doubt_is_what_other_odds_of_labels_that_one_of_both_says_would_change():
    """The first says every given label, the other the first and the last; that these two are right nobody doubts."""
    y, right = torch.tensor([0, 0, 1, 1]), torch.tensor([0.9, 0.6, 0.7, 0.8], dtype=torch.double)
    one, other = says([0, 0, 1, 1]), says([0, 1, 0, 1])

    def gap(sign):
        odds = torch.logit(right)
        odds[1:3] += sign * DOUBT
        w = torch.sigmoid(odds).numpy()
        found = [f1_score(y, said.argmax(1), sample_weight=w, average="macro") for said in (one, other)]
        return found[0] - found[1]

    assert gap(1) > gap(-1)
    assert doubt([one, other], 1, y, right)[0] == pytest.approx(abs(gap(1) - gap(-1)) / 2, abs=1e-9)


def test_the_more_unsure_labels_are_the_larger_the_doubt():
    y, one, other = torch.tensor([0, 1] * 20), says([0, 1] * 20), says([0, 1, 1, 0] * 10)
    found = [doubt([one, other], 1, y, torch.full((40,), right))[0] for right in (0.99, 0.9, 0.7)]
    assert found == sorted(found)
    assert found[0] < 0.01
    assert found[-1] > 0.05


def test_what_real_mistakes_have_not_borne_out_is_doubted_more():
    y, one, other = torch.tensor([0, 1] * 20), says([0, 1] * 20), says([0, 1, 1, 0] * 10)
    right = torch.full((40,), 0.8)
    found = [doubt([one, other], 1, y, right, borne_out)[0] for borne_out in (1.0, 0.5, 0.25)]
    assert found == sorted(found)
    assert found[2] > 2 * found[0]
