"""What is usual for own data, and who may not be combined."""

from dataclasses import replace

import pytest
import torch

from reweigh.data import Examples
from reweigh.data.own import Encoding
from reweigh.errors import BadInput
from reweigh.run.job.prepare import RunData, joined, with_clean_kept
from reweigh.run.job.usual import MODELS_FOR, check_model_reads, usual_epochs, usual_model, with_usual
from reweigh.settings import Settings


def encoding(kind="table", shape=(3,), task="classification"):
    classes = ("a", "b") if task != "regression" else ("price",)
    return Encoding(kind, task, classes, ("y",), shape, len(classes), {})


def data(task="classification", count=10):
    y = {"classification": torch.arange(count) % 2, "regression": torch.randn(count)}.get(task, torch.ones(count, 2))
    ids, told = torch.arange(count), encoding(task=task)
    parts = (Examples(torch.randn(count, 3), y, ids + 100 * k, told.classes) for k in range(3))
    return RunData(*parts, told)


def test_nothing_is_left_open_and_what_is_said_stays():
    config = with_usual(Settings.of(train="x.csv", batch_size=7, lr=0.5), data())
    open_ones = {name for name, value in config.flat().items() if value is None}
    assert not open_ones & {"rule", "model", "epochs", "optimizer", "warm_up", "schedule", "augment", "threads"}
    assert (config.student.batch_size, config.student.lr, config.weights.clean_batch_size) == (7, 0.5, 7)
    assert with_usual(config, data()) == config
    assert with_usual(Settings.of(train="x.csv", steps=9), data()).student.epochs is None


def test_few_examples_are_seen_often_and_many_seldom():
    assert usual_epochs(100, 128) > usual_epochs(30_000, 128) >= usual_epochs(10**6, 128) >= 1


@pytest.mark.parametrize(
    ("kind", "shape", "model"),
    [
        ("table", (5,), "table"), ("text", (9,), "tfidf"), ("images", (3, 32, 32), "efficientnet-lite0"),
        ("images", (1, 28, 28), "lenet"),
        ("arrays", (5,), "mlp"), ("arrays", (1, 16, 16), "lenet"), ("arrays", (4, 3), "mlp"), ("arrays", (1, 2, 2), "mlp"),
    ],
)  # fmt: skip
def test_models_fit_the_data(kind, shape, model):
    assert usual_model(encoding(kind, shape)) == model
    assert model in MODELS_FOR[kind]


def test_a_model_that_reads_something_else():
    with pytest.raises(BadInput, match="does not read table: take one of table, or module:function"):
        check_model_reads("lenet", encoding())
    with pytest.raises(BadInput, match="reads texts, pairs of them or images and these data are table"):
        check_model_reads("hf:some", encoding())
    check_model_reads("mine:build", encoding())


@pytest.mark.parametrize("rule", ["proportion", "resampling", "hard-mining", "class-aware", "verifier"])
@pytest.mark.parametrize("task", ["regression", "multi-label"])
def test_rules_of_classes_need_classes(rule, task):
    config = Settings.of(train="x.csv", rule=rule)
    with pytest.raises(BadInput, match=f"the rule {rule} looks at each example's class, and the task is {task}"):
        with_usual(config, data(task))
    assert with_usual(config, data()).weights.rule == rule


def test_the_clean_examples_join_the_others():
    apart = data()
    kept = with_clean_kept(with_usual(Settings.of(train="x.csv", keep_clean_in_train=True), apart), apart)
    assert kept.train.ids.tolist() == [*range(10), *range(100, 110)]
    assert torch.equal(kept.train.x[10:], apart.clean.x)
    assert kept.truth is None
    assert with_clean_kept(Settings.of(train="x.csv", keep_clean_in_train=False), apart) is apart
    spoilt = apart.train.with_labels(1 - apart.train.y)
    assert joined(spoilt, apart.clean).corrupted.tolist() == [True] * 10 + [False] * 10
    assert replace(spoilt, y=spoilt.true_y).corrupted.sum() == 0
