"""Tasks made known where they are written; what nobody says of a task, and what has to be said."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from reweigh.data import Examples
from reweigh.errors import BadInput
from reweigh.tasks import Classification, Judged, Measure, Numbers, Task, registry, task, task_named
from reweigh.tasks.measures import MEASURES


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.setattr(registry, "_TASKS", dict(registry._TASKS))
    before = dict(MEASURES)
    yield
    MEASURES.clear()
    MEASURES.update(before)


def heights(name="heights", score="test_closeness"):
    @task(name)
    @dataclass(frozen=True)
    class Heights(Numbers):
        measures = (Measure(score, "closeness", share=False),)

        @classmethod
        def fit(cls, train, others=()):
            return cls(train.names, train.names)

        def encode(self, targets):
            return torch.from_numpy(targets.numbers()).float()

        def _losses(self, outputs, y):
            return (outputs - y[:, None]).square().mean(1)

        def scores(self, outputs, y):
            return {score: -float(self._losses(outputs, y).mean())}

        def predict(self, outputs):
            return outputs[:, 0]

        def judge(self, outputs, y):
            return Judged(self.predict(outputs), y / 0, y / 0)

    return Heights


def test_a_task_is_known_by_its_name_and_so_is_its_score():
    kind = heights()
    assert task_named("heights") is kind
    assert MEASURES["test_closeness"].words == "closeness"
    assert kind(("cm",)).score == "test_closeness"


def test_a_name_that_is_taken_is_refused():
    with pytest.raises(BadInput, match="there is a task 'regression' already"):
        heights("regression")
    with pytest.raises(BadInput, match="the score 'test_accuracy' is another task's"):
        heights("other", "test_accuracy")


def test_numbers_contradict_where_they_are_far_apart_and_not_where_they_differ():
    given = np.arange(50.0)
    suggested = given + np.where(np.arange(50) % 2, 0.5, -0.4)
    suggested[7] = 30
    assert heights()(("cm",)).contradicts(given, suggested).nonzero()[0].tolist() == [7]


def test_when_a_label_is_contradicted_has_to_be_said():
    assert "contradicts" in Task.__abstractmethods__
    assert "contradicts" not in Numbers.__abstractmethods__


def test_examples_of_a_task_keep_it_and_are_checked_by_it():
    made = heights()(("cm",))
    y = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    examples = Examples(torch.zeros(3, 2), y, torch.arange(3), ("cm",), task=made)
    assert examples.select(torch.tensor([2, 0])).task == made
    assert examples.with_labels(y + 1).corrupted.all()
    with pytest.raises(BadInput, match="id 1 must be finite"):
        examples.with_labels(torch.tensor([1.0, float("inf"), 3.0], dtype=torch.float64))


def test_names_of_classes_are_those_of_the_examples():
    examples = Examples(torch.zeros(2, 2), torch.tensor([0, 1]), torch.arange(2), ("a", "b"))
    assert examples.task == Classification(("a", "b"))
    batch = examples.task.collate([examples[0], examples[1]])
    assert batch["y"].tolist() == [0, 1]
    assert batch["x"].shape == (2, 2)
