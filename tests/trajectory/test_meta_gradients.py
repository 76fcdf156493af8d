"""What a rule learns from K steps, against automatic differentiation through the same steps with their graph kept."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW

from reweigh import ClassAwareWeightNet, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.optimizers import ReversibleSGD
from reweigh.rules import Evidence
from reweigh.states import watching
from trajectory.unrolled import unrolled

OPTIMIZERS = {
    "sgd": (SGD, {}),
    "decay": (SGD, {"weight_decay": 0.05}),
    "momentum": (SGD, {"momentum": 0.9}),
    "nesterov": (SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.02}),
    "dampening": (SGD, {"momentum": 0.8, "dampening": 0.3}),
    "adam": (Adam, {}),
    "adam decay": (Adam, {"weight_decay": 0.05, "betas": (0.8, 0.9)}),
    "amsgrad": (Adam, {"amsgrad": True, "betas": (0.5, 0.6)}),
    "adamw": (AdamW, {"weight_decay": 0.1}),
}
RULES = {
    "meta-weight-net": lambda: MetaWeightNet(hidden=8, normalise="mean"),
    "sum to one": lambda: MetaWeightNet(hidden=8),
    "class-aware": lambda: ClassAwareWeightNet([9, 5, 1], hidden=8),
    "deep-interaction": lambda: DeepInteraction(3, width=4, hidden=8),
    "surface only": lambda: DeepInteraction(3, internal=False, interaction=False, hidden=8),
    "follow": lambda: DeepInteraction(3, width=4, hidden=8, follow=True),
}
BASE = {"sgd": 0.3, "decay": 0.3}


def losses(model, batch):
    """Dropout acts on training batches only, so that the clean pass draws no masks of its own."""
    dropout = [part for part in model.modules() if isinstance(part, nn.Dropout)]
    for part in dropout:
        part.train(len(batch["y"]) == len(CLEAN["y"]) - 2)
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def student(dropout=0.0, norm=False):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        middle = nn.BatchNorm1d(6) if norm else nn.LayerNorm(6)
        layers = nn.Linear(4, 6), middle, nn.Tanh(), nn.Dropout(dropout), nn.Linear(6, 3)
        return nn.Sequential(*layers).double()


def batch_of(seed, size=7):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=generator).double()
    return {"x": x, "y": torch.randint(3, (size,), generator=generator)}


CLEAN = batch_of(999, 9)


def learning_rates(name, steps):
    base = BASE.get(str(name), 0.05)
    return [base * (1 + 0.3 * (k % 3)) for k in range(steps)]


class Spy(torch.optim.SGD):
    """Keeps the derivatives that a rule's optimizer is given and changes nothing."""

    def step(self, closure=None):
        self.seen = [p.grad.clone() for group in self.param_groups for p in group["params"]]


def by_reweigh(model, rule, name, steps, *, learning=None, parts=1, engine="auto", between=None, seeds=None, warm=True):
    make, options = OPTIMIZERS[name] if isinstance(name, str) else name
    optimizer = make(model.parameters(), lr=0.1, **options)
    spies = []

    def spy(parameters):
        spies.append(Spy(parameters, lr=0.0))
        return spies[0]

    learning = replace(learning or Learning(horizon=steps), optimizer=spy)
    reweigher = Reweigher(
        model, losses, rule=rule, clean=[CLEAN], optimizer=optimizer, learning=learning, engine=engine
    )
    for k, lr in enumerate(learning_rates(name, steps)):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        if seeds is not None:
            torch.manual_seed(seeds[k])
        for part in range(parts):
            reweigher.backward(batch_of(10 * k + part))
        if between is not None:
            between(model)
        optimizer.step()
        reweigher.after_step()
    return spies[0].seen, reweigher


def by_autograd(model, rule, name, steps, parts=1, seeds=None, memory=None):
    make, options = OPTIMIZERS[name]
    places = rule.places(model)

    def weigh(found, batch, k, params):
        seen = None
        if places is not None:
            with watching(model, places, follow=rule.follow) as seen, torch.random.fork_rng():
                if seeds is not None:
                    torch.manual_seed(seeds[k])
                torch.func.functional_call(model, {**dict(model.named_buffers()), **params}, (batch["x"],))
        known = found if rule.follow else found.detach()
        evidence = Evidence(len(found), found, batch, losses=known, look_up=lambda b: b["y"], seen=seen, step=k)
        evidence = replace(evidence, memory=memory)
        return rule.weights(evidence)

    omega = list(rule.net.parameters())
    batches = [[batch_of(10 * k + part) for part in range(parts)] for k in range(steps)]
    return unrolled(model, losses, batches, CLEAN, weigh, omega, make, options, learning_rates(name, steps), seeds)


def assert_close(found, expected, tolerance):
    flat, truth = torch.cat([g.reshape(-1) for g in found]), torch.cat([g.reshape(-1) for g in expected])
    assert float(truth.norm()) > 1e-9
    off = float((flat - truth).norm() / truth.norm())
    assert off < tolerance, off


def remembering(rule, model):
    """A teacher that has seen clean examples before, so that its interaction has something to say."""
    if isinstance(rule, DeepInteraction):
        with watching(model, rule.places(model)) as seen, torch.no_grad():
            model(CLEAN["x"])
        rule.see_clean(seen, CLEAN["y"])
    return rule.memory()


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer(name, steps):
    model, rule = student(), RULES["meta-weight-net"]()
    twin = copy.deepcopy(model)
    found, _ = by_reweigh(model, rule, name, steps)
    truth, there = by_autograd(twin, rule, name, steps)
    torch.testing.assert_close(dict(model.named_parameters()), there, rtol=1e-9, atol=1e-12)
    assert_close(found, truth, 1e-8 if steps == 1 else 1e-6)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("kind", RULES)
def test_every_rule(kind, steps):
    model, rule = student(), RULES[kind]()
    twin, memory = copy.deepcopy(model), remembering(rule, model)
    found, _ = by_reweigh(model, rule, "momentum", steps)
    truth, _ = by_autograd(twin, rule, "momentum", steps, memory=memory)
    assert_close(found, truth, 1e-8 if steps == 1 else 1e-6)


def test_following_matters():
    """Otherwise the test of `follow` above would hold without it."""
    found = []
    for follow in (True, False):
        model, rule = student(), DeepInteraction(3, width=4, hidden=8, follow=follow)
        remembering(rule, model)
        found.append(torch.cat([g.flatten() for g in by_reweigh(model, rule, "momentum", 4)[0]]))
    assert float((found[0] - found[1]).norm() / found[0].norm()) > 1e-4


@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_accumulated_batches(name):
    model, rule = student(), MetaWeightNet(hidden=8)
    twin = copy.deepcopy(model)
    found, _ = by_reweigh(model, rule, name, 4, parts=3)
    truth, _ = by_autograd(twin, rule, name, 4, parts=3)
    assert_close(found, truth, 1e-6)


def test_dropout_replays_its_masks_and_batch_norm_its_statistics():
    model, rule = student(dropout=0.4, norm=True), MetaWeightNet(hidden=8)
    twin, seeds = copy.deepcopy(model), [11, 12, 13, 14]
    found, _ = by_reweigh(model, rule, "momentum", 4, seeds=seeds, learning=Learning(horizon=4))
    truth, there = by_autograd(twin, rule, "momentum", 4, seeds=seeds)
    torch.testing.assert_close(dict(model.named_parameters()), there, rtol=1e-9, atol=1e-12)
    assert_close(found, truth, 1e-6)


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize("name", ["momentum", "adam"])
@pytest.mark.parametrize("engine", ["auto", "finite"])
def test_central_differences_for_a_model_that_cannot_be_differentiated_twice(name, steps, engine):
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.tanh()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            return g * (1 - ctx.saved_tensors[0].tanh() ** 2)

    class Tanh(nn.Module):
        def forward(self, x):
            return Once.apply(x)

    model, rule = student(), MetaWeightNet(hidden=8)
    twin = copy.deepcopy(model)
    model[2] = Tanh()
    found, reweigher = by_reweigh(model, rule, name, steps, engine=engine)
    truth, _ = by_autograd(twin, rule, name, steps)
    assert_close(found, truth, 1e-4)
    assert ("Finite" if engine == "finite" else "Ghost") in reweigher.explain()
    assert steps == 1 or "central differences" in reweigher.explain()


def test_clipping_counts_as_a_constant_factor():
    """A window of one step under SGD: the derivative is the unclipped one times the factor."""
    factors = []

    def clip(model):
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        factors.append(0.01 / (float(norm) + 1e-6))

    model, rule = student(), MetaWeightNet(hidden=8)
    start = copy.deepcopy(model.state_dict())
    found, _ = by_reweigh(model, rule, "sgd", 1, between=clip)
    model.load_state_dict(start)
    short = [f * learning_rates("sgd", 1)[0] for f in factors]
    truth, _ = by_autograd_with_rate(model, rule, short)
    assert_close(found, truth, 1e-5)


def by_autograd_with_rate(model, rule, rates):
    def weigh(found, batch, k, params):
        return rule.weights(Evidence(len(found), found, batch, losses=found.detach(), look_up=lambda b: b["y"]))

    omega = list(rule.net.parameters())
    return unrolled(model, losses, [[batch_of(0)]], CLEAN, weigh, omega, SGD, {}, rates)


@pytest.mark.parametrize("horizon", [7, 100])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_stepping_back_is_snapshots_bit_for_bit(horizon, decay):
    found = []
    for memory in ("snapshots", "reverse"):
        model, rule = student(norm=True), MetaWeightNet(hidden=8)
        kind = (ReversibleSGD, {"momentum": 0.9, "weight_decay": decay})
        learning = Learning(horizon=horizon, memory=memory)
        found.append((by_reweigh(model, rule, kind, horizon, learning=learning)[0], model.state_dict()))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert all(bool(g.any()) for g in found[0][0])


@pytest.mark.parametrize("look_ahead", ["virtual", "virtual-sgd"])
@pytest.mark.parametrize("name", ["sgd", "nesterov", "adam"])
def test_a_virtual_step_is_differentiated_and_then_taken_with_the_new_weights(name, look_ahead):
    model, rule = student(), MetaWeightNet(hidden=8)
    twin = copy.deepcopy(model)
    found, _ = by_reweigh(model, rule, name, 1, learning=Learning(look_ahead=look_ahead))
    plain = look_ahead == "virtual-sgd"
    rates = learning_rates(name, 1)
    truth, _ = by_autograd_with_rate(twin, rule, rates) if plain else by_autograd(twin, rule, name, 1)
    assert_close(found, truth, 1e-8)
