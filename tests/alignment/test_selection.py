"""Zero weights left out of the training pass: same gradient, buffers and generators, over the zoo; and where that fails."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import laws
from laws.weights import telling_seed
from reweigh.alignment import Forward, Selection, Student
from reweigh.alignment.selection import part_of
from reweigh.alignment.skip_zeros import SkipZeros
from zoo import CASES, named

SERVED = [case for case in CASES if "auto" not in case.refused_by]


def gradients(case, engine, skip_zeros):
    """After one backward pass: weights, losses, every gradient, buffers, and the state of the generator."""
    scene = case.build(telling_seed(case)) if not (case.random or case.mixes_examples) else case.build()
    by_rule = laws.reweigher(scene, engine, skip_zeros=skip_zeros)
    torch.manual_seed(1)
    losses, weights = by_rule.backward(scene.train)
    grads = [p.grad.to_dense() if p.grad is not None else torch.zeros_like(p) for p in scene.model.parameters()]
    return weights, losses, grads, list(scene.model.buffers()), torch.get_rng_state(), by_rule


# "double" and "finite" make the pass that "forward" makes.
FEW = named("mlp", "lenet", "layernorm", "batchnorm2d-train", "dropout", "lstm")
EACH = laws.the_rest_slow(laws.sharing_pairs(SERVED, FEW), laws.distinct_pairs(SERVED))


@pytest.mark.parametrize(("case", "engine"), EACH)
def test_the_same_gradient_over_the_zoo(case, engine):
    weights, losses, grads, buffers, generator, _ = gradients(case, engine, False)
    found = gradients(case, engine, True)
    allowed = 1e-9 if engine != "finite" else 1e-5
    torch.testing.assert_close(found[0], weights, rtol=allowed, atol=allowed)
    torch.testing.assert_close(found[1], losses, rtol=allowed, atol=allowed)
    torch.testing.assert_close(found[2], grads, rtol=allowed, atol=allowed)
    torch.testing.assert_close(found[3], buffers, rtol=1e-9, atol=1e-9)
    assert torch.equal(found[4], generator)


@pytest.mark.parametrize("engine", ["forward", "finite", "double"])
@pytest.mark.parametrize("name", ["mlp", "lenet", "layernorm"])
def test_only_the_examples_that_count_are_trained_on(name, engine):
    (case,) = named(name)
    scene, sizes = case.build(telling_seed(case)), []

    def loss(model, batch):
        found = case.per_example_loss(model, batch)
        sizes.append(len(found) if torch.is_grad_enabled() and found.requires_grad else 0)
        return found

    by_rule = laws.reweigher(scene._replace(per_example_loss=loss), engine, skip_zeros=True)
    by_rule.backward(scene.train)
    sizes.clear()
    weights = by_rule.backward(scene.train).weights
    assert sizes[-1] == int((weights > 0).sum()) < len(weights)
    assert "a pass over the other examples only" in by_rule.explain()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("batchnorm2d-train", "makes something else of a part of it"),
        ("dropout", "draws random numbers"),
        ("compiled", "wrapper"),
    ],
)
def test_where_examples_cannot_be_taken_out_the_whole_batch_is_taken_and_said(name, why):
    (case,) = named(name)
    scene = case.build()
    by_rule = laws.reweigher(scene, "forward", skip_zeros=True)
    by_rule.backward(scene.train)
    assert why in by_rule.explain()


class Counter(nn.Module):
    """A buffer that depends on the batch, though the outputs do not."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2)
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.detach().mean(0)
        return self.inner(x)


def loss(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def batch_of(n=8):
    generator = torch.Generator().manual_seed(n)
    return torch.randn(n, 3, generator=generator), torch.randint(2, (n,), generator=generator)


def test_buffers_that_follow_the_batch_forbid_it_until_eval_mode():
    selection, model = Selection(), Counter()
    assert not selection.works(Student(model, loss).on(batch_of()))
    assert selection.works(Student(model.eval(), loss).on(batch_of()))
    assert not selection.works(Student(model.train(), loss).on(batch_of()))
    assert model.mean.tolist() == [0, 0, 0]


def test_a_batch_whose_parts_turn_out_different_goes_whole():
    """Seen at the step itself, though the first batch let itself be taken apart."""

    def divided(model, batch):
        return loss(model, batch) / len(batch[1])

    model, selection = nn.Linear(3, 2), Selection()
    selection._found[tuple(part.training for part in model.modules())] = ""
    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    weights = torch.tensor([0.5, 0, 0, 0, 0.25, 0, 0.25, 0])
    task = Student(model, divided).on(batch_of())
    found = SkipZeros(Forward(), selection).backward(task, direction, lambda a, losses: weights)
    grads = torch.autograd.grad((divided(model, batch_of()) * weights).sum(), list(model.parameters()))
    torch.testing.assert_close([p.grad for p in model.parameters()], list(grads))
    torch.testing.assert_close(found.losses, divided(model, batch_of()).detach())
    assert not selection.works(task)


def test_no_example_with_a_weight_gives_gradients_of_zero():
    model, selection = nn.Linear(3, 2), Selection()
    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    task = Student(model, loss).on(batch_of())
    SkipZeros(Forward(), selection).backward(task, direction, lambda a, losses: torch.zeros_like(losses))
    assert all(not p.grad.any() for p in model.parameters())


def test_part_of_a_batch():
    batch = {"x": torch.arange(6).view(3, 2), "y": (torch.arange(3), "word"), "shared": torch.ones(2), "n": 3}
    found = part_of(batch, torch.tensor([0, 2]), 3)
    assert found["x"].tolist() == [[0, 1], [4, 5]]
    assert found["y"][0].tolist() == [0, 2]
    assert found["y"][1] == "word"
    assert torch.equal(found["shared"], torch.ones(2))
    assert found["n"] == 3
