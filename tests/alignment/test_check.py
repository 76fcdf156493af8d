"""The check: a right engine passes, a wrong one is refused with the layer's name, a broken shared pass is not used."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from abilities import RECOMPUTES_FORWARD
from reweigh import alignments, clean_direction
from reweigh.alignment import AutoEngine, Double, Engine, Finite, Forward, Student
from reweigh.alignment.candidates import CANDIDATES
from reweigh.alignment.check import check
from reweigh.alignment.truth import Undecided
from reweigh.errors import EngineRefused


def losses(model, batch):
    return F.cross_entropy(model(batch[0]).float(), batch[1], reduction="none")


def double_losses(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def mlp():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


BATCH = torch.randn(6, 3, generator=torch.Generator().manual_seed(2)).double(), torch.arange(6) % 2


class Off(Engine):
    """Right but for a factor along some parameters."""

    name, exact = "forward", True

    def __init__(self, factor, prefix=""):
        self.factor, self.prefix = factor, prefix

    def alignments(self, task, direction):
        changed = {n: v * self.factor if n.startswith(self.prefix) else v for n, v in direction.items()}
        return Forward().alignments(task, changed)


class Doubled(Forward):
    """Right alignments, but a shared pass that trains something else."""

    def __init__(self, factor):
        self.factor = factor

    def shared_pass(self, task, direction):
        found, along = super().shared_pass(task, direction)
        return found * self.factor, along


def task_of(model, loss=double_losses, batch=BATCH):
    return Student(model, loss).on(batch)


def direction_of(model, loss=double_losses, batch=BATCH):
    return clean_direction(model, loss, batch)


@pytest.mark.parametrize("engine", [Forward(), Double(), Finite()])
def test_a_right_engine_passes_and_the_deviation_is_told(engine):
    model = mlp()
    told = check(engine, task_of(model), direction_of(model)).told
    assert told.startswith(f"{engine!r}: the adjoint identity holds to ")
    assert told.endswith("(1e-08 is allowed in float64)" if engine.exact else "(1e-05 is allowed in float64)")


@pytest.mark.parametrize("factor", [0.0, 1 + 1e-6, -1.0, 1e6])
def test_a_wrong_engine_is_refused(factor, monkeypatch):
    model = mlp()
    monkeypatch.setitem(CANDIDATES, "forward", (Off(factor),))
    with pytest.raises(EngineRefused, match="disagrees with the backward pass") as caught:
        alignments(model, double_losses, BATCH, direction_of(model), engine="forward")
    assert "engine='ghost' works" in str(caught.value)


@pytest.mark.parametrize(("prefix", "layer"), [("0.", "0 (Linear)"), ("2.", "2 (Linear)"), ("0.bias", "0 (Linear)")])
def test_the_layer_to_blame_is_named(prefix, layer):
    model = mlp()
    with pytest.raises(EngineRefused) as caught:
        check(Off(3.0, prefix), task_of(model), direction_of(model))
    assert f"at {layer}: the adjoint identity holds only to" in str(caught.value)


def test_the_arithmetic_of_the_pass_sets_what_is_allowed():
    """1e-4 off is far too much in float64 and nothing in float32, even where only the loss is taken in float32."""
    model = mlp()
    assert "is allowed in float32" in check(Off(1 + 1e-4), task_of(model, losses), direction_of(model)).told
    with pytest.raises(EngineRefused):
        check(Off(1 + 1e-4), task_of(model), direction_of(model))


def test_noise_does_not_set_its_own_scale():
    class Noise(Engine):
        name, exact = "forward", False

        def alignments(self, task, direction):
            return 1e9 * torch.randn(6, dtype=torch.float64)

    model = mlp()
    with pytest.raises(EngineRefused):
        check(Noise(), task_of(model), direction_of(model))


@pytest.mark.parametrize("engine", [Forward(), Finite()])
def test_what_proves_nothing_is_undecided(engine):
    model = mlp()
    v = direction_of(model)
    with pytest.raises(Undecided):
        check(engine, task_of(model, batch=(BATCH[0] * float("nan"), BATCH[1])), v)
    with pytest.raises(Undecided):
        check(engine, task_of(model, lambda m, b: 0 * double_losses(m, b)), v)
    with pytest.raises(Undecided):
        check(engine, task_of(model, lambda m, b: torch.ones(6)), v)
    for value in (float("nan"), float("inf")):
        bad = {name: value * g.abs() for name, g in v.items()}
        if engine.exact:
            check(engine, task_of(model), bad)  # along a direction of its own
        else:
            with pytest.raises(Undecided):
                check(engine, task_of(model), bad)


@pytest.mark.parametrize("direction", [None, 0.0])
def test_without_a_direction_the_check_has_one_of_its_own(direction):
    model = mlp()
    v = {} if direction is None else {name: direction * g for name, g in direction_of(model).items()}
    for engine in (Forward(), Finite()):
        assert "the adjoint identity holds" in check(engine, task_of(model), v).told
    with pytest.raises(EngineRefused):
        check(Off(1.1), task_of(model), v)


def test_a_layer_that_no_signal_reaches_is_asked_with_the_parameters_moved():
    """With a head of zeros every identity is true of what lies below it."""
    model = mlp()
    nn.init.zeros_(model[2].weight)
    v = direction_of(model)
    with pytest.raises(EngineRefused, match=r"at 0 \(Linear\)"):
        check(Off(1.1, "0."), task_of(model), v)
    assert check(Off(1.1, "0."), task_of(model), v, move=False).silent == {"0.weight", "0.bias"}
    assert check(Forward(), task_of(model), v).silent == frozenset()


def test_what_is_never_used_stays_silent():
    model = mlp()
    model.register_parameter("stray", nn.Parameter(torch.ones(2, dtype=torch.float64)))
    assert check(Forward(), task_of(model), direction_of(model)).silent == {"stray"}


def test_the_check_draws_nothing_and_leaves_no_gradient():
    model = mlp()
    v, state = direction_of(model), torch.get_rng_state()
    check(Forward(), task_of(model), v, share=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.grad is None for p in model.parameters())


def shared(engine, task, direction):
    finding = check(engine, task, direction, share=True)
    return finding.shares, finding.shared_told


def test_a_shared_pass_that_is_right():
    model = mlp()
    for engine in (Forward(), Double()):
        right, told = shared(engine, task_of(model), direction_of(model))
        assert right
        assert "one pass serves weights and training" in told


def test_an_engine_without_a_shared_pass():
    model = mlp()
    assert shared(Finite(), task_of(model), direction_of(model)) == (
        False,
        "weights first, then a pass for training",
    )


def test_a_gradient_that_is_only_noise_does_not_cost_the_shared_pass():
    """The bias of attention's keys has a true gradient of zero."""

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v, self.out = (nn.Linear(8, 8) for _ in range(4))

        def forward(self, x):
            return self.out(F.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x)).mean(1))

    torch.manual_seed(0)
    model, batch = Attention(), (torch.randn(6, 5, 8), torch.arange(6) % 2)
    for engine in (Forward(), Double()):
        assert shared(engine, task_of(model, losses, batch), direction_of(model, losses, batch))[0]


@pytest.mark.parametrize("factor", [0.0, 1.1, -1.0])
def test_a_shared_pass_with_other_gradients_is_not_used(factor):
    model = mlp()
    right, told = shared(Doubled(factor), task_of(model), direction_of(model))
    assert not right
    assert "gives other gradients (off by" in told


def test_gradients_that_only_one_of_the_passes_has_count_as_off():
    """A parameter that the shared pass does not reach would silently stop training."""

    class Stopped(Forward):
        def shared_pass(self, task, direction):
            along = super().shared_pass(task, direction)[1]
            hidden = task.module[2](task.module[1](task.module[0](task.batch[0])).detach())
            return F.cross_entropy(hidden, task.batch[1], reduction="none"), along

    model = mlp()
    right, told = shared(Stopped(), task_of(model), direction_of(model))
    assert not right
    assert "off by 1.0e+00" in told


class Recomputed(nn.Module):
    """Computes its inside again in the backward pass, when no dual numbers are in the parameters' places any more."""

    def __init__(self, *inside):
        super().__init__()
        self.inside = nn.Sequential(nn.Linear(5, 5), *inside, nn.Linear(5, 5))

    def forward(self, x):
        return checkpoint(self.inside, x, use_reentrant=False)


def recomputing(*inside):
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 5), Recomputed(*inside), nn.Tanh(), nn.Linear(5, 2)).double()


@pytest.mark.parametrize("asked", ["auto", "forward", "double"])
@pytest.mark.parametrize("inside", [nn.Tanh, lambda: nn.Softmax(-1)], ids=["shared", "not shared"])
def test_a_recomputed_model_trains_rightly(inside, asked):
    """Softmax's tangent, in the dual pass, keeps tensors that the second computation does not: the pass is not shared."""
    if asked != "double" and not RECOMPUTES_FORWARD:
        pytest.skip("this PyTorch has no dual numbers through a checkpoint")
    model, twin = recomputing(inside()), recomputing(inside())
    v = direction_of(model)
    choice, weights = AutoEngine(asked), torch.linspace(0.1, 1.0, 6).double()
    choice.backward(task_of(model), v, lambda along, own: weights)
    if asked != "double":
        shares = isinstance(inside(), nn.Tanh) or asked == "auto"  # which takes ghost, without dual numbers in there
        assert choice.state_dict()["shares"] is shares
        assert shared(Forward(), task_of(model), v)[0] is isinstance(inside(), nn.Tanh)
        assert ("weights first, then a pass for training" in choice.explain()) is not shares
    double_losses(twin, BATCH).backward(weights)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-10, atol=1e-12)


def test_a_user_error_in_the_ordinary_pass_is_not_hidden():
    def broken(model, batch):
        raise KeyError("mine")

    model = mlp()
    with pytest.raises(KeyError, match="mine"):
        shared(Forward(), Student(model, broken).on(BATCH), direction_of(model))
