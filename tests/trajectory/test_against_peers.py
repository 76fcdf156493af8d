"""K-step meta-gradients against `higher` and TorchOpt, where these are right.

`higher` patches the model and unrolls SGD; TorchOpt's MetaSGD and MetaAdam keep the graph of the model's own steps. TorchOpt
computes Adam's bias corrections in float32 whatever the model's type: it is no witness with the usual betas (1 - 0.999 keeps
four digits there), and is held to 1e-6 with others.
"""

import copy
import warnings

import pytest
import torch
from torch.optim import SGD, Adam

from reweigh import MetaWeightNet
from reweigh.rules import Evidence
from trajectory.test_meta_gradients import CLEAN, OPTIMIZERS, assert_close, batch_of, by_reweigh, losses, student

higher = pytest.importorskip("higher")
torchopt = pytest.importorskip("torchopt")
LR = 0.05


def weigh(rule, found, batch):
    return rule.weights(Evidence(len(found), found, batch, losses=found.detach(), look_up=lambda b: b["y"]))


@pytest.fixture(autouse=True)
def constant_rate(monkeypatch):
    monkeypatch.setattr("trajectory.test_meta_gradients.learning_rates", lambda name, steps: [LR] * steps)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("name", ["sgd", "momentum", "nesterov"])
def test_higher(name, steps):
    model, rule = student(), MetaWeightNet(hidden=8)
    twin = copy.deepcopy(model)
    found, _ = by_reweigh(model, rule, name, steps)
    inner = SGD(twin.parameters(), lr=LR, **OPTIMIZERS[name][1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with higher.innerloop_ctx(twin, inner) as (patched, step):
            for k in range(steps):
                each = losses(patched, batch_of(10 * k))
                step.step((weigh(rule, each, None) * each).sum())
            truth = torch.autograd.grad(losses(patched, CLEAN).mean(), list(rule.net.parameters()))
    assert_close(found, truth, 1e-8 if steps == 1 else 1e-6)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("name", ["sgd", "momentum", "adam decay"])
def test_torchopt(name, steps):
    model, rule = student(), MetaWeightNet(hidden=8)
    twin = copy.deepcopy(model)
    make, options = OPTIMIZERS[name]
    found, _ = by_reweigh(model, rule, name, steps)
    kind = torchopt.MetaAdam if make is Adam else torchopt.MetaSGD
    inner = kind(twin, lr=LR, **options)
    for k in range(steps):
        each = losses(twin, batch_of(10 * k))
        inner.step((weigh(rule, each, None) * each).sum())
    truth = torch.autograd.grad(losses(twin, CLEAN).mean(), list(rule.net.parameters()))
    assert_close(found, truth, 1e-6 if steps == 5 or name == "adam decay" else 1e-8)
