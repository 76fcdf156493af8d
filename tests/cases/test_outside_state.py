"""State that no buffer holds is where one plain pass leaves it, whatever passes the library makes."""

import contextlib
import warnings

import pytest
import torch

from outside_scenes import SCENES, Memory, Momentum, Net, ce, data
from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.errors import EngineRefused


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double", "auto"])
@pytest.mark.parametrize("scene", SCENES)
def test_weigh_moves_nothing(scene, engine):
    make, state_of = SCENES[scene]
    model, twin = make(), make()
    loss, state = state_of(model)
    _, state_of_twin = state_of(twin)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        r = Reweigher(model, loss, rule=L2RW(), clean=[data(5, 9)], engine=engine)
        for k in range(3):
            with contextlib.suppress(EngineRefused):  # a memory under no_grad moves with the parameters in a difference
                r.weigh(data(8, k))
    assert state() == state_of_twin()


@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"globals"}))
def test_backward_moves_all_as_one_plain_pass(scene):
    make, state_of = SCENES[scene]
    model, twin = make(), make()
    loss, state = state_of(model)
    loss_of_twin, state_of_twin = state_of(twin)
    r = Reweigher(model, loss, rule=L2RW(), clean=[data(5, 9)])
    for k in range(3):
        r.backward(data(8, k))
        loss_of_twin(twin, data(8, k))
    torch.testing.assert_close(_flat(state()), _flat(state_of_twin()), rtol=1e-4, atol=1e-4)


def _flat(state):
    if isinstance(state, dict):
        state = [item for pair in state.items() for item in pair]
    if isinstance(state, list | tuple):
        return [number for part in state for number in _flat(part)]
    return [float(state)] if isinstance(state, int | float) else []


@pytest.mark.parametrize("scene", SCENES)
def test_by_hand(scene):
    make, state_of = SCENES[scene]
    model, twin = make(), make()
    loss, state = state_of(model)
    _, state_of_twin = state_of(twin)
    v = clean_direction(model, loss, data(5, 9))
    with contextlib.suppress(EngineRefused):
        alignments(model, loss, data(8, 1), v, engine="finite")
    assert state() == state_of_twin()


class Slotted:
    __slots__ = ("history", "mean")

    def __init__(self):
        self.mean, self.history = 0.0, []


def test_an_object_with_slots_is_left_as_found():
    beside = Slotted()

    def loss(m, b):
        losses = ce(m(b["x"]), b)
        beside.mean += float(losses.detach().mean())
        beside.history.append(beside.mean)
        return losses

    Reweigher(Net(), loss, rule=L2RW(), clean=[data(5, 9)]).weigh(data(8, 0))
    assert (beside.mean, beside.history) == (0.0, [])


class Stop(Exception):
    pass


@pytest.mark.parametrize("kind", [Stop, KeyboardInterrupt])
def test_an_exception_in_a_pass_puts_back_too(kind):
    model, armed = Memory(), {"now": False}

    def loss(m, b):
        losses = ce(m(b["x"]), b)
        if armed["now"]:
            raise kind
        return losses

    r = Reweigher(model, loss, rule=L2RW(), clean=[data(5, 9)])
    r.weigh(data(8, 0))
    before = Memory().state()
    armed["now"] = True
    with pytest.raises(kind):
        r.weigh(data(8, 1))
    assert model.state() == before


def test_a_graph_that_the_caller_holds_stays_valid():
    model = Net()
    scale = torch.ones(3)

    def loss(m, b):
        losses = ce(m(b["x"]) * scale.clone(), b)
        with torch.no_grad():
            scale.mul_(1.01)
        return losses

    r = Reweigher(model, loss, rule=L2RW(), clean=[data(5, 9)])
    batch = data(8, 0)
    losses = ce(model(batch["x"]) * scale, batch)
    losses.backward(r.weigh(batch))
    assert model.net[0].weight.grad is not None


def test_a_count_in_the_closure_is_the_users_own():
    calls, log = {"n": 0}, []

    def loss(m, b):
        calls["n"] += 1
        log.append(m.training)
        return ce(m(b["x"]), b)

    Reweigher(Net(), loss, rule=L2RW(), clean=[data(5, 9)]).weigh(data(8, 0))
    assert calls["n"] == len(log) > 1


def test_a_loss_that_is_no_function_of_model_and_batch_is_said_once():
    calls = {"n": 0}

    def loss(m, b):
        calls["n"] += 1
        return ce(m(b["x"]), b) * calls["n"]

    r = Reweigher(Net(), loss, rule=L2RW(), clean=[data(5, 9)], engine="finite")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for k in range(3):
                r.weigh(data(8, k))
        except Exception:
            pass
    assert sum("gives other losses for the same model and batch" in str(w.message) for w in caught) == 1


def test_large_tensors_that_never_move_are_not_copied(monkeypatch):
    from reweigh import outside_copies

    table = torch.zeros(2**20)
    copied = []
    real = outside_copies.TensorCopy
    monkeypatch.setattr(outside_copies, "TensorCopy", lambda t, full: copied.append(t is table) or real(t, full))
    r = Reweigher(Net(), lambda m, b: ce(m(b["x"]), b) + table[b["id"]], rule=L2RW(), clean=[data(5, 9)])
    r.weigh(data(8, 0))
    assert any(copied)  # at the first look
    copied.clear()
    r.weigh(data(8, 1))
    assert not any(copied)


def test_a_model_is_let_go():
    import gc
    import weakref

    model = Memory()
    beside = Momentum(model)
    beside.model = model
    r = Reweigher(model, beside.loss, rule=L2RW(), clean=[data(5, 9)])
    r.weigh(data(8, 0))
    gone = weakref.ref(model)
    del model, beside, r
    gc.collect()
    assert gone() is None
