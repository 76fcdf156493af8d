"""Learners of scikit-learn give outputs that their task scores as a model's."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from reweigh.tasks import Classification, LanguageModel, MultiLabel, Regression

X = np.random.default_rng(0).normal(size=(120, 4))


def test_classes():
    y = torch.from_numpy((X[:, 0] > 0).astype(np.int64) + 2 * (X[:, 1] > 0).astype(np.int64))
    task = Classification(("a", "b", "c", "d"))
    learner = task.learner(LogisticRegression, Ridge)
    learner.fit(X, y)
    outputs, direct = learner.outputs(X), LogisticRegression().fit(X, y.numpy())
    assert torch.allclose(task.probabilities(outputs), torch.from_numpy(direct.predict_proba(X)).float(), atol=1e-5)
    assert task.scores(outputs, y)["test_accuracy"] == pytest.approx(direct.score(X, y.numpy()))


def test_a_class_that_was_never_seen_is_never_said():
    y = torch.from_numpy((X[:, 0] > 0).astype(np.int64) * 2)
    learner = Classification(("a", "b", "c")).learner(LogisticRegression, Ridge)
    learner.fit(X, y)
    assert set(learner.outputs(X).argmax(1).tolist()) == {0, 2}
    assert bool(learner.outputs(X).isfinite().all())


def test_one_class_only():
    learner = Classification(("a", "b", "c")).learner(LogisticRegression, Ridge)
    learner.fit(X, torch.ones(120, dtype=torch.long))
    assert set(learner.outputs(X[:5]).argmax(1).tolist()) == {1}


def test_labels_one_of_which_nobody_has():
    y = torch.from_numpy(np.stack([X[:, 0] > 0, X[:, 1] > 0.5, np.zeros(120, dtype=bool)], 1).astype(np.float32))
    task = MultiLabel(("a", "b", "c"))
    learner = task.learner(LogisticRegression, Ridge)
    learner.fit(X, y)
    outputs = learner.outputs(X)
    direct = LogisticRegression().fit(X, y[:, 1].numpy())
    assert torch.equal(outputs[:, 1] > 0, torch.from_numpy(direct.predict(X) > 0))
    assert not bool((outputs[:, 2] > 0).any())


def test_numbers():
    task = Regression(("y",), scale=(5.0, 2.0))
    learner = task.learner(LogisticRegression, Ridge)
    y = torch.from_numpy(X @ np.array([1.0, 2.0, 0.0, 0.0])).float()
    learner.fit(X, y)
    assert learner.outputs(X).shape == (120, 1)
    assert task.scores(learner.outputs(X), y)["test_r2"] > 0.99


def test_a_task_that_none_fits_has_none():
    assert LanguageModel(("text",), vocabulary=9).learner(LogisticRegression, Ridge) is None
