"""What the user's own loss raises reaches the user as it is, whatever pass it came up in, and changes nothing."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reference import loop_alignments
from reweigh import L2RW, Learning, MetaWeightNet, Reweigher, clean_direction
from reweigh.errors import ReweighError
from throughout import off

D = 6
ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    MemoryError("no more"),
    ValueError("no such label"),
    KeyError("mask"),
    RuntimeError("the size of tensor a must match"),
    ZeroDivisionError("of mine"),
]

OF_NO_ENGINE = MemoryError, KeyError, ZeroDivisionError
"""No engine was ever blamed for these."""


def named(error):
    return type(error).__name__


def data(n, seed, dtype=torch.float64):
    g = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(n, D, generator=g, dtype=torch.float64).to(dtype),
        "y": torch.randint(3, (n,), generator=g),
    }


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def mlp(dtype=torch.float64):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)


class Count:
    """Of the calls so far. What a loss holds is put back after extra passes, and what its class holds is not."""

    calls, at, error, for_good = 0, None, None, False


class Failing:
    """The loss, which fails at one call, or at each from there on."""

    def __init__(self, error, for_good=False):
        Count.calls, Count.at, Count.error, Count.for_good = 0, None, error, for_good

    @staticmethod
    def in_calls(number):
        """Fail at so many calls from now; None for never again."""
        Count.at = None if number is None else Count.calls + number

    def __call__(self, model, batch):
        Count.calls += 1
        if Count.at is not None and (Count.calls >= Count.at if Count.for_good else Count.calls == Count.at):
            raise Count.error
        return losses(model, batch)


def reweigher_of(loss, engine="auto", batches=0):
    reweigher = Reweigher(mlp(), loss, rule=L2RW(), clean=[data(7, 99)], engine=engine)
    for k in range(batches):
        reweigher.backward(data(6, k))
    return reweigher


def passes_of(engine, how, batches):
    """How often a batch calls the loss after so many others: at 4 a thorough check, at 8 a brief one, at 5 none."""
    reweigher = reweigher_of(Failing(None), engine, batches)
    before = Count.calls
    getattr(reweigher, how)(data(6, 50))
    return Count.calls - before


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize("engine", ["auto", "ghost", "forward", "double"])
@pytest.mark.parametrize("batches", [0, 3, 4, 7], ids=["first check", "check", "no check", "brief check"])
def test_an_error_in_any_pass_reaches_the_caller(batches, engine, how):
    in_any_pass(batches, engine, how)


@pytest.mark.parametrize("batches", [0, 4])
def test_no_false_alarm_an_error_under_differences(batches):
    in_any_pass(batches, "finite", "backward")


def in_any_pass(batches, engine, how):
    """Each pass of the batch in turn; afterwards the batch goes through as if nothing had been."""
    for error in (torch.OutOfMemoryError("CUDA out of memory"), ValueError("mine")):
        for place in range(1, passes_of(engine, how, batches) + 1):
            loss = Failing(error)
            reweigher, other = reweigher_of(loss, engine, batches), reweigher_of(losses, engine, batches)
            said = reweigher.explain().splitlines()[0]
            loss.in_calls(place)
            with pytest.raises(type(error), match=str(error)):
                getattr(reweigher, how)(data(6, 50))
            if batches:
                assert reweigher.explain().splitlines()[0] == said
            getattr(reweigher, how)(data(6, 50)), getattr(other, how)(data(6, 50))
            assert off(reweigher.report.alignments, other.report.alignments) < 1e-9


@pytest.mark.parametrize("error", [error for error in ERRORS if type(error) not in OF_NO_ENGINE], ids=named)
@pytest.mark.parametrize("engine", ["auto", "ghost"])
def test_an_error_is_not_renamed(engine, error):
    not_renamed(engine, error, False)


@pytest.mark.parametrize("error", ERRORS, ids=named)
def test_no_false_alarm_an_error_for_good(error):
    not_renamed("auto", error, True)


@pytest.mark.parametrize("error", [error for error in ERRORS if type(error) in OF_NO_ENGINE], ids=named)
def test_no_false_alarm_an_error_of_another_kind(error):
    not_renamed("auto", error, False)


def not_renamed(engine, error, for_good):
    for place in (1, 2):  # the clean pass, and the batch's
        loss = Failing(error, for_good)
        reweigher = reweigher_of(loss, engine, 4)
        loss.in_calls(place)
        with pytest.raises(type(error)) as caught:
            reweigher.backward(data(6, 50))
        assert caught.value is error
        loss.in_calls(None)
        said = reweigher.explain().splitlines()[0]
        reweigher.backward(data(6, 50))
        assert reweigher.explain().splitlines()[0] == said


@pytest.mark.parametrize("error", [ERRORS[0], ERRORS[3]], ids=named)
@pytest.mark.parametrize("place", [2, 3])
def test_an_error_while_a_rule_learns(place, error):
    loss = Failing(error)
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    learning = Learning(horizon=2, optimizer=lambda p: torch.optim.SGD(p, 1.0))
    rule = MetaWeightNet()
    reweigher = Reweigher(model, loss, rule=rule, clean=[data(7, 99)], optimizer=optimizer, learning=learning)
    for k in range(4):
        optimizer.zero_grad()
        reweigher.backward(data(6, k))
        optimizer.step()
        if k < 3:
            reweigher.after_step()
    before = [p.clone() for p in rule.net.parameters()]
    loss.in_calls(place)
    calls = Count.calls
    try:
        reweigher.after_step()
    except type(error) as raised:
        assert raised is error  # noqa: PT017
        assert all(map(torch.equal, before, rule.net.parameters()))
    else:
        assert Count.calls - calls < place


SIZES = [(torch.float32, 1e37), (torch.float32, 1e-30), (torch.float64, 1e300), (torch.float64, 1e-300)]


def held(dtype, size, engine, how):
    """A right answer or a sentence: the loop's weights, as far as numbers so small can tell."""

    def loss(model, batch):
        return losses(model, batch) * size

    model, clean, batch = mlp(dtype), data(7, 99, dtype), data(6, 1, dtype)
    exact = loop_alignments(mlp(), losses, data(6, 1), clean_direction(mlp(), losses, data(7, 99)))
    try:
        given = getattr(Reweigher(model, loss, rule=L2RW(), clean=[clean], engine=engine), how)(batch)
    except ReweighError as refused:
        assert "\n" not in str(refused)  # noqa: PT017
        return
    weights = given.weights if how == "backward" else given
    truth = exact.clamp(min=0) / exact.clamp(min=0).sum()
    assert weights.sum() == 0 or off(weights, truth) < 1e-2


@pytest.mark.parametrize("how", ["backward", "weigh"])
def test_losses_too_small_for_their_arithmetic(how):
    held(torch.float32, 1e-40, "auto", how)


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize("engine", ["auto", "ghost", "double"])
@pytest.mark.parametrize(("dtype", "size"), SIZES)
def test_no_false_alarm_losses_of_any_size(dtype, size, engine, how):
    held(dtype, size, engine, how)
