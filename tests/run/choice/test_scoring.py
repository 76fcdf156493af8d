"""Scores on resamples: the first is the score itself, and each class is drawn as often as it is there."""

import pytest
import torch
from sklearn.metrics import f1_score

from reweigh.run.choice.scoring import RESAMPLES, macro_f1, of_task
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
