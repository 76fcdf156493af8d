"""Models and losses with state that no buffer holds, each with a way to read it."""

import collections
import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


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
