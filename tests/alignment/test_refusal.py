"""A refusal names the layer and an engine that works; the user's own errors come through as they are."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import alignments, clean_direction
from reweigh.alignment import Double, Forward, Ghost, Student
from reweigh.alignment.advice import remedy
from reweigh.alignment.refusal import CannotGoThrough, refusing
from reweigh.errors import BadInput, EngineRefused

BATCH = torch.randn(6, 3, generator=torch.Generator().manual_seed(2)), torch.arange(6) % 2


def losses(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


class Cube(torch.autograd.Function):
    """Written by hand, with a backward pass and nothing else."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class Cubed(nn.Module):
    def forward(self, x):
        return Cube.apply(x)


def by_hand():
    torch.manual_seed(1)
    inner = nn.Sequential(nn.Linear(4, 4), Cubed())
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), inner, nn.Linear(4, 2))


def task_of(model, loss=losses):
    return Student(model, loss).on(BATCH)


def test_the_innermost_layer_and_a_working_engine_are_named():
    model = by_hand()
    with pytest.raises(EngineRefused) as caught:
        alignments(model, losses, BATCH, clean_direction(model, losses, BATCH), engine=Forward())
    said = str(caught.value)
    assert "engine 'forward' cannot go through 2.1 (Cubed) (" in said
    assert said.endswith("engine='ghost' works for this model")
    assert "\n" not in said
    assert isinstance(caught.value.__cause__, RuntimeError | NotImplementedError)


def test_a_layer_without_a_second_derivative_is_named():
    model = nn.Sequential(nn.Sequential(nn.EmbeddingBag(9, 5, mode="max")), nn.Linear(5, 2))
    batch = torch.arange(24).view(6, 4) % 9, BATCH[1]
    with pytest.raises(EngineRefused) as caught:
        alignments(model, losses, batch, clean_direction(model, losses, batch), engine=Double())
    assert "engine 'double' cannot go through 0.0 (EmbeddingBag) (" in str(caught.value)
    assert str(caught.value).endswith("engine='finite' works for this model")


def test_what_can_be_differentiated_once_only_is_refused_by_name():
    model = by_hand()
    with pytest.raises(EngineRefused, match=r"engine 'double' .*engine='ghost' works"):
        alignments(model, losses, BATCH, clean_direction(model, losses, BATCH), engine="double")


def test_what_can_be_differentiated_once_only_is_no_constant_to_the_engine_itself():
    """`once_differentiable` raises only if autograd comes by its node, and on the way to ε it does not."""
    model = by_hand()
    direction = clean_direction(model, losses, BATCH)
    with pytest.raises(CannotGoThrough, match="once_differentiable") as caught:
        Double().alignments(task_of(model), direction)
    assert (caught.value.engine, caught.value.layer) == ("double", "2.1 (Cubed)")


def test_the_root_modules_own_forward():
    class Root(nn.Linear):
        def forward(self, x):
            return Cube.apply(super().forward(x))

    model = Root(3, 2)
    with pytest.raises(EngineRefused, match="cannot go through Root's own forward"):
        alignments(model, losses, BATCH, clean_direction(model, losses, BATCH), engine="forward")


def test_the_loss_function():
    def own(model, batch):
        return Cube.apply(losses(model, batch))

    model = nn.Sequential(nn.Linear(3, 2))
    with pytest.raises(EngineRefused, match="cannot go through the loss function"):
        alignments(model, own, BATCH, clean_direction(model, own, BATCH), engine="forward")


def test_no_hook_and_no_disturbance_remain():
    model = by_hand()
    model.insert(1, nn.BatchNorm1d(4))
    direction, state = clean_direction(model, losses, BATCH), torch.get_rng_state()
    with pytest.raises(EngineRefused):
        alignments(model, losses, BATCH, direction, engine="forward")
    assert not any(part._forward_hooks for part in model.modules())
    assert int(model[1].num_batches_tracked) == 0
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, TypeError, AttributeError, KeyError, ZeroDivisionError])
@pytest.mark.parametrize("engine", ["ghost", "forward", "double", "finite", "auto"])
def test_a_users_own_error_comes_through(engine, kind):
    def broken(model, batch):
        raise kind("mine")

    model = by_hand()
    with pytest.raises(kind, match="mine") as caught:
        alignments(model, broken, BATCH, clean_direction(model, losses, BATCH), engine=engine)
    assert not isinstance(caught.value, EngineRefused)


def test_reweighs_own_errors_come_through():
    model = by_hand()
    with pytest.raises(BadInput, match="reduction='none'"), refusing(Forward(), task_of(model), {}):
        raise BadInput("reduction='none'")


def test_a_remedy_is_found_by_trying_and_the_search_ends():
    assert remedy("forward", task_of(by_hand())) == "engine='ghost' works for this model"
    mixing = by_hand().insert(1, nn.BatchNorm1d(4))
    assert remedy("forward", task_of(mixing)) == "engine='finite' works for this model"
    assert remedy("finite", task_of(mixing)) == "no other engine works for this model either"


def test_an_engine_by_itself_tells_the_fact_and_tries_no_other(monkeypatch):
    asked = []
    monkeypatch.setattr(Ghost, "alignments", lambda *_: asked.append("ghost"))
    model = by_hand()
    with pytest.raises(CannotGoThrough) as caught:
        Forward().alignments(task_of(model), clean_direction(model, losses, BATCH))
    fact = caught.value
    assert (fact.engine, fact.layer) == ("forward", "2.1 (Cubed)")
    assert str(fact) == f"engine 'forward' cannot go through 2.1 (Cubed) ({fact.cause})"
    assert asked == []


def test_a_long_message_is_cut():
    def long(model, batch):
        if torch.autograd.forward_ad._current_level >= 0:
            raise RuntimeError("no " * 200 + "\nsecond line")
        return losses(model, batch)

    model = by_hand()[:2].append(nn.Linear(4, 2))
    with pytest.raises(EngineRefused) as caught:
        alignments(model, long, BATCH, clean_direction(model, losses, BATCH), engine="forward")
    assert "…" in str(caught.value)
    assert "second line" not in str(caught.value)
    assert len(str(caught.value)) < 300
