"""What reweigh is compared with does compute L2RW's weights, and the tasks are what they say."""

import importlib.util
from dataclasses import replace

import pytest
import torch
from benchmarks.betty_weights import with_betty
from benchmarks.others import by_hand, per_example_gradients, with_higher, with_torchopt
from benchmarks.tasks import TASKS, Task, last_block, make_batches, make_model, per_example_loss
from benchmarks.timing import agreement, reference_weights

from benchmarks import language
from reweigh import L2RW, Reweigher

SMALL = language.Shape(layers=1, width=16, heads=2, length=6, words=30)


@pytest.fixture
def task(request, monkeypatch):
    monkeypatch.setitem(language.SHAPES, "gpt-4x256", SMALL)
    return request.param


TASKS_HERE = [Task("lenet", 12, 6), Task("gpt-4x256", 5, 3)]


@pytest.mark.parametrize("task", TASKS_HERE, indirect=True, ids=str)
@pytest.mark.parametrize("weigh", [by_hand, with_higher, with_torchopt, per_example_gradients])
def test_the_exact_peers(task, weigh):
    cosine, error = agreement(weigh(make_model(task), *make_batches(task)), reference_weights(task))
    assert cosine > 0.999999
    assert error < 1e-5


@pytest.mark.skipif(importlib.util.find_spec("betty") is None, reason="pip install --no-deps betty-ml")
@pytest.mark.parametrize("task", TASKS_HERE, indirect=True, ids=str)
def test_betty_approximates_and_leaves_the_parameters(task):
    model = make_model(task)
    before = [p.clone() for p in model.parameters()]
    for _ in range(2):
        cosine, _ = agreement(with_betty(model, *make_batches(task)), reference_weights(task))
        assert 0.99 < cosine < 1 - 1e-12
    assert all(map(torch.equal, before, model.parameters()))


@pytest.mark.parametrize("task", [TASKS_HERE[1]], indirect=True, ids=str)
def test_a_sequences_loss_is_the_sum_of_its_tokens_losses(task):
    model, (batch, clean) = make_model(task), make_batches(task)
    logits = model(batch["x"]).log_softmax(-1)
    expected = -logits.gather(2, batch["y"][..., None]).squeeze(-1).sum(1)
    torch.testing.assert_close(per_example_loss(model, batch), expected)
    weights = Reweigher(model, per_example_loss, rule=L2RW(), clean=[clean], engine="ghost").weigh(batch)
    assert agreement(weights, reference_weights(task))[0] > 0.999999


def test_the_language_model_is_causal():
    model = language.LanguageModel(SMALL)
    tokens = torch.randint(30, (1, 6))
    other = tokens.clone()
    other[0, 3:] = (other[0, 3:] + 1) % 30
    torch.testing.assert_close(model(tokens)[:, :3], model(other)[:, :3])
    assert not torch.allclose(model(tokens)[:, 3:], model(other)[:, 3:])


@pytest.mark.parametrize("name", sorted({task.model for task in TASKS}))
def test_the_last_block_is_there(name):
    task = Task(name, 2, 2)
    chosen = Reweigher(
        make_model(task), per_example_loss, rule=L2RW(), clean=[make_batches(task)[1]], layers=last_block(task)
    )
    chosen.weigh(make_batches(task)[0])
    assert chosen.report is not None


def test_depth_and_length_change_the_network():
    deep = make_model(Task("transformer", 2, 2, layers=2))
    assert len(deep.blocks) == 2
    assert make_batches(Task("transformer", 2, 2, length=9))[0]["x"].shape == (2, 9)
    cast = replace(Task("lenet", 2, 2), dtype="bf16")
    assert make_model(cast)(make_batches(cast)[0]["x"]).dtype == torch.bfloat16
