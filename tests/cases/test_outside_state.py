"""State that no buffer holds is where one plain pass leaves it, whatever passes the library makes."""

import collections
import contextlib
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.errors import EngineRefused


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=g), "y": torch.randint(3, (n,), generator=g), "id": torch.arange(n)}


def ce(out, batch):
    return F.cross_entropy(out, batch["y"], reduction="none")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))

    def forward(self, x):
        return self.net(x)


class Memory(Net):
    """Holds something of each kind, and changes all of it in place at each pass."""

    def __init__(self):
        super().__init__()
        self.of_lists, self.by_name, self.queue = [], {"n": 0}, collections.deque(maxlen=5)
        self.bank, self.numbers, self.counts = torch.zeros(4, 3), np.zeros(3), collections.Counter(a=1)
        self.nested = {"deep": [torch.zeros(2)]}
        self.own, self.draw, self.python = torch.Generator().manual_seed(1), np.random.default_rng(1), random.Random(1)
        self.late = None

    def forward(self, x):
        out = super().forward(x)
        with torch.no_grad():
            self.of_lists.append(float(out.sum()))
            self.by_name["n"] += 1
            self.queue.append(len(x))
            self.bank.mul_(0.9).add_(out.mean())
            self.numbers += float(out.mean())
            self.counts["a"] += 1
            self.nested["deep"][0] += 1
            self.late = self.late or []
            self.late.append(1)
            noise = torch.rand((), generator=self.own) + self.draw.random() + self.python.random()
        return out * (1 + 0.1 * noise + 0.01 * self.bank.mean() + 0.01 * self.by_name["n"])

    def state(self):
        return (
            list(self.of_lists), dict(self.by_name), list(self.queue), self.bank.tolist(), self.numbers.tolist(),
            dict(self.counts), self.nested["deep"][0].tolist(), self.own.get_state().tolist(), self.draw.random(),
            self.python.getstate(), self.late,
        )  # fmt: skip


class Meter:
    """A running metric that is no module."""

    def __init__(self):
        self.total, self.seen, self.by_id = 0.0, 0, {}

    def update(self, losses, batch):
        self.total += float(losses.detach().sum())
        self.seen += len(losses)
        self.by_id.update(zip(batch["id"].tolist(), losses.tolist(), strict=True))


class Momentum:
    """A momentum encoder beside the model, in an object whose method is the loss."""

    def __init__(self, model):
        self.encoder, self.meter = Net(), Meter()
        self.encoder.load_state_dict(Net().state_dict())

    def loss(self, m, b):
        with torch.no_grad():
            for k, p in zip(self.encoder.parameters(), m.net.parameters(), strict=True):
                k.mul_(0.9).add_(0.1 * p + 0.01)
            target = self.encoder(b["x"]).softmax(1)
        losses = ce(m(b["x"]), b) - (target * m(b["x"]).log_softmax(1)).sum(1)
        self.meter.update(losses, b)
        return losses

    def state(self):
        return [p.tolist() for p in self.encoder.parameters()], self.meter.total, self.meter.seen, self.meter.by_id


def in_a_closure(model):
    memory, teacher = {}, Net()
    bank = torch.zeros(3)
    mean = 0.0

    def loss(m, b):
        nonlocal mean
        losses = ce(m(b["x"]), b)
        for i, one in zip(b["id"].tolist(), losses.tolist(), strict=True):
            memory[i] = 0.5 * memory.get(i, 0.0) + 0.5 * one
        with torch.no_grad():
            bank.add_(losses.mean())
            teacher.net[0].bias.add_(0.1)
        mean = 0.9 * mean + 0.1 * float(losses.detach().mean())
        return losses * (1 + mean) + teacher(b["x"]).square().mean(1).detach() * bank.mean()

    return loss, lambda: (dict(memory), bank.tolist(), teacher.net[0].bias.tolist(), mean)


WORLD = {"bank": torch.zeros(3), "by_id": {}}


def in_globals(model):
    WORLD.update(bank=torch.zeros(3), by_id={})

    def loss(m, b):
        losses = ce(m(b["x"]), b)
        WORLD["bank"].add_(losses.detach().mean())
        WORLD["by_id"].update(zip(b["id"].tolist(), losses.tolist(), strict=True))
        return losses * (1 + WORLD["bank"].mean())

    return loss, lambda: (WORLD["bank"].tolist(), dict(WORLD["by_id"]))


def in_a_hook(model):
    running = {"mean": 0.0}

    def see(_, args, out):
        running["mean"] = 0.9 * running["mean"] + 0.1 * float(out.detach().mean())

    model.net[0].register_forward_hook(see)
    return (lambda m, b: ce(m(b["x"]), b)), lambda: dict(running)


def by_method(model):
    beside = Momentum(model)
    return beside.loss, beside.state


def on_the_model(model):
    return (lambda m, b: ce(m(b["x"]), b)), model.state


class Inside(Net):
    """A momentum encoder among the model's own parameters, as MoCo has it; and weights that a pass brings to length one."""

    def __init__(self):
        super().__init__()
        self.key = Net().requires_grad_(False)

    def forward(self, x):
        with torch.no_grad():
            self.net[2].weight.data.renorm_(2, 0, 0.5)
            for k, p in zip(self.key.parameters(), self.net.parameters(), strict=True):
                k.data = 0.9 * k.data + 0.1 * p.data + 0.01
        return super().forward(x) + self.key(x)

    def state(self):
        return [p.tolist() for p in self.parameters()]


SCENES = {
    "model": (Memory, on_the_model), "method": (Net, by_method), "closure": (Net, in_a_closure),
    "globals": (Net, in_globals), "hook": (Net, in_a_hook), "parameters": (Inside, on_the_model),
}  # fmt: skip


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
