"""The finite engine moves the parameters for a while and sets them back bit for bit, whatever happens."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import alignments, clean_direction
from reweigh.alignment import Finite, Student
from reweigh.errors import BadInput


def losses(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def mlp(dtype=torch.float64):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Dropout(0.3), nn.Linear(5, 2)).to(dtype)


def batch_of(dtype=torch.float64):
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(2)).to(dtype), torch.arange(6) % 2


def bits(model):
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_parameters_are_bit_for_bit_what_they_were(dtype):
    model = mlp(dtype)
    before, versions = bits(model), [p._version for p in model.parameters()]
    direction = {name: torch.randn_like(p) for name, p in model.named_parameters()}
    for _ in range(3):
        assert bool(Finite().alignments(Student(model, losses).on(batch_of(dtype)), direction).any())
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))
    assert [p._version for p in model.parameters()] == versions


@pytest.mark.parametrize("failing", [1, 2])
def test_they_are_set_back_when_the_loss_raises(failing):
    model = mlp()
    before, calls = bits(model), []

    def broken(m, batch):
        calls.append([p.detach().clone() for p in m.parameters()])
        if len(calls) == failing:
            raise KeyError
        return losses(m, batch)

    with pytest.raises(KeyError):
        Finite().alignments(Student(model, broken).on(batch_of()), dict(model.named_parameters()))
    assert not torch.equal(calls[-1][0], before[0])  # it was moved when the loss raised
    assert all(torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


def test_a_graph_that_the_caller_holds_stays_valid():
    model = mlp()
    own = losses(model, batch_of())
    direction = clean_direction(model, losses, batch_of())
    alignments(model, losses, batch_of(), direction, engine="finite")
    own.sum().backward()
    assert model[0].weight.grad is not None


def steps_seen(engine, dtype, scale=1.0):
    """How far the parameters were moved, ahead and back, in units of ‖·‖."""
    model = mlp(dtype)
    before, seen = torch.cat([p.detach().flatten() for p in model.parameters()]).double(), []

    def watched(m, batch):
        now = torch.cat([p.detach().flatten() for p in m.parameters()]).double()
        seen.append((now - before, m[2].training))
        return losses(m, batch)

    direction = {name: scale * torch.ones_like(p) for name, p in model.named_parameters()}
    engine.alignments(Student(model, watched).on(batch_of(dtype)), direction)
    (ahead, _), (behind, _) = seen
    torch.testing.assert_close(ahead, -behind, rtol=0.1, atol=1e-4 if dtype != torch.bfloat16 else 3e-3)
    return float(ahead.norm())


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("dtype", "expected"), [(torch.float64, 1e-5), (torch.float32, 5e-4)])
def test_the_step_is_a_length_whatever_the_directions_scale(dtype, expected, scale):
    assert steps_seen(Finite(), dtype, scale) == pytest.approx(expected, rel=2e-2)


def test_the_step_of_ones_own():
    assert steps_seen(Finite(0.03), torch.float64) == pytest.approx(0.03, rel=1e-6)
    assert steps_seen(Finite(), torch.bfloat16) == pytest.approx(0.1, rel=0.1)


def test_mixed_precisions_take_the_coarsest_of_their_steps():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2).double())
    seen = []

    def loss(m, batch):
        seen.append(m[1].weight.detach().clone())
        return losses(lambda x: m[1](m[0](x).double()), batch)

    direction = {"1.weight": torch.ones(2, 2).double(), "0.weight": torch.zeros(2, 3)}
    Finite().alignments(Student(model, loss).on(batch_of(torch.float32)), direction)
    assert float((seen[0] - seen[1]).norm()) == pytest.approx(2 * 5e-4, rel=1e-3)


def test_both_passes_draw_the_masks_of_the_next_pass():
    model, masks = mlp(), []
    model[2].register_forward_hook(lambda m, _, out: masks.append(out == 0))
    direction = clean_direction(model, losses, batch_of())
    masks.clear()
    Finite().alignments(Student(model, losses).on(batch_of()), direction)
    losses(model, batch_of())
    assert len(masks) == 3
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])


@pytest.mark.parametrize("direction", [{}, {"0.weight": torch.zeros(5, 3)}])
def test_a_direction_of_zero_moves_nothing(direction):
    model = mlp()
    seen = []

    def watched(m, batch):
        seen.append(torch.equal(m[0].weight, model[0].weight))
        return losses(m, batch)

    found = Finite().alignments(Student(model, watched).on(batch_of()), direction)
    assert found.tolist() == [0.0] * 6
    assert seen == [True]


@pytest.mark.parametrize("step", [0, -1e-3, float("inf"), float("nan")])
def test_steps_that_cannot_be(step):
    with pytest.raises(BadInput, match="positive number such as 5e-4"):
        Finite(step)


def test_names_itself_with_its_step():
    assert repr(Finite()) == "Finite(step=None)"
    assert repr(Finite(0.1)) == "Finite(step=0.1)"
    assert (Finite.name, Finite.exact) == ("finite", False)


def test_only_the_chosen_parameters_move():
    model = mlp()
    seen = []

    def watched(m, batch):
        seen.append((m[0].weight.detach().clone(), m[3].weight.detach().clone()))
        return losses(m, batch)

    direction = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    Finite().alignments(Student(model, watched, "3").on(batch_of()), direction)
    assert all(torch.equal(first, model[0].weight) for first, _ in seen)
    assert not any(torch.equal(last, model[3].weight) for _, last in seen)
