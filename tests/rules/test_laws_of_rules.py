"""What holds for every rule that draws nothing: order, twins, copies, and weights that are a share of the batch each."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, ClassAwareWeightNet, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.rules import ClassProportion, HardMining, Oracle, SmallLoss, SmoothedL2RW, Uniform

LEARNED = {
    "meta-weight-net": MetaWeightNet,
    "meta-weight-net, mean": lambda: MetaWeightNet(normalise="mean"),
    "class-aware": lambda: ClassAwareWeightNet([4, 4, 4]),
    "deep-interaction": lambda: DeepInteraction(3),
    "deep-interaction, states alone": lambda: DeepInteraction(3, surface=False),
}
OTHERS = {
    "l2rw": L2RW,
    "smoothed": SmoothedL2RW,
    "smoothed, rectified": lambda: SmoothedL2RW(squash="rectified"),
    "uniform": Uniform,
    "proportion": lambda: ClassProportion([4, 5, 3]),
    "hard-mining": HardMining,
    "small-loss": lambda: SmallLoss(0.3, ramp=2),
    "oracle": lambda: Oracle(lambda batch: batch["y"] == 0),
}
RULES = LEARNED | OTHERS
OF_THEIR_OWN_SIZE = ("meta-weight-net, mean", "proportion")
"""Whose weights are one example's each, whatever the others get."""
STEPS = 3


def batch_of(seed, size=12):
    """Twelve examples that are like nobody else; a batch of another seed has other ids."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=draw, dtype=torch.float64)
    y = torch.randint(3, (size,), generator=draw)
    return {"x": x, "y": y, "id": torch.arange(size) + 100 * seed}


def some_of(batch, rows):
    return {name: values[rows] for name, values in batch.items()}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


class Loop:
    """A student, its optimizer, and a rule that weighs what it learns from."""

    def __init__(self, rule):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.3, momentum=0.9)
        learned = isinstance(rule, tuple(type(make()) for make in LEARNED.values()))
        more = {"optimizer": self.optimizer, "learning": Learning(lr=0.05)} if learned else {}
        self.reweigher = Reweigher(self.model, losses, rule=rule, clean=[batch_of(50)], **more)

    def step(self, batch):
        self.optimizer.zero_grad()
        weights = self.reweigher.backward(batch).weights.clone()
        self.optimizer.step()
        self.reweigher.after_step()
        return weights

    def trained(self):
        """After some steps, in which what learns has learnt and what remembers has seen something."""
        for seed in range(STEPS):
            self.step(batch_of(seed))
        return self


def loop(name):
    torch.manual_seed(1)
    return Loop(RULES[name]())


def close(found, wanted):
    """Networks of rules compute in single precision, and learn from it."""
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_a_batch_in_another_order_has_its_weights_in_that_order(name):
    order = torch.randperm(12, generator=torch.Generator().manual_seed(3))
    one, other = loop(name).trained(), loop(name).trained()
    for seed in (0, 7):  # one that was seen before, and one that was not
        close(other.step(some_of(batch_of(seed), order)), one.step(batch_of(seed))[order])
    for here, there in zip(one.model.parameters(), other.model.parameters(), strict=True):
        close(here, there)


@pytest.mark.parametrize("name", [name for name in RULES if name != "small-loss"])  # which may cut between them
def test_twins_in_a_batch_have_one_weight(name):
    """The same example twice in a batch, under two ids or one."""
    rows = torch.tensor([0, 1, 2, 3, 0, 5, 6, 2])
    batch = some_of(batch_of(7), rows)
    weights = loop(name).trained().step(batch)
    close(weights[4], weights[0])
    close(weights[7], weights[2])
    batch["id"] = torch.arange(8) + 900
    weights = loop(name).trained().step(batch)
    close(weights[4], weights[0])
    close(weights[7], weights[2])


@pytest.mark.parametrize("name", [name for name in RULES if name not in OF_THEIR_OWN_SIZE])
def test_weights_are_shares_of_the_batch(name):
    """None below zero, and one in all, so that the rate is that of plain training; or nobody counts."""
    trained = loop(name).trained()
    for size in (1, 2, 12):
        weights = trained.step(batch_of(20 + size, size))
        assert weights.shape == (size,)
        assert bool((weights >= 0).all())
        assert float(weights.sum()) == pytest.approx(1) or not bool(weights.any())


@pytest.mark.parametrize("name", RULES)
def test_weighing_twice_without_a_step_says_the_same(name):
    """To the bit, but for the teacher that is told how many batches there were."""
    trained = loop(name).trained()
    first = trained.reweigher.weigh(batch_of(7)).clone()
    again = trained.reweigher.weigh(batch_of(7))
    assert torch.equal(again, first) or (name == "deep-interaction" and float((again - first).abs().max()) < 1e-5)


@pytest.mark.parametrize("name", RULES)
def test_a_copy_goes_on_by_itself(name):
    one = loop(name).trained()
    other = copy.deepcopy(one)
    wanted = [one.step(batch_of(seed)) for seed in (7, 8, 0)]
    for seed, weights in zip((7, 8, 0), wanted, strict=True):
        assert torch.equal(other.step(batch_of(seed)), weights)


@pytest.mark.parametrize("name", [name for name in RULES if name != "oracle"])  # a function of the user's own
def test_a_rule_that_was_pickled_goes_on_the_same(name):
    one, other = loop(name).trained(), loop(name).trained()
    again = pickle.loads(pickle.dumps(other.reweigher.rule))
    assert type(again) is type(other.reweigher.rule)
    other.reweigher.rule.load_state_dict(again.state_dict())
    assert torch.equal(other.step(batch_of(7)), one.step(batch_of(7)))


@pytest.mark.parametrize("name", OF_THEIR_OWN_SIZE)
def test_some_weights_do_not_depend_on_who_is_beside(name):
    """In a batch of the same size: what is divided by it."""
    batch, other = batch_of(7), batch_of(8)
    mixed = {key: torch.cat([batch[key][:6], other[key][:6]]) for key in batch}
    weights = loop(name).trained().reweigher.weigh(batch)
    close(loop(name).trained().reweigher.weigh(mixed)[:6], weights[:6])
    assert bool((weights >= 0).all())


@pytest.mark.parametrize("name", RULES)
def test_the_gradient_is_that_of_the_weighted_losses(name):
    """By hand: each example's own gradient times its weight, added up."""
    trained = loop(name).trained()
    batch = batch_of(7)
    parameters = list(trained.model.parameters())
    each = [
        torch.autograd.grad(losses(trained.model, some_of(batch, slice(row, row + 1))).sum(), parameters)
        for row in range(12)
    ]
    trained.optimizer.zero_grad()
    weights = trained.reweigher.backward(batch).weights
    for place, parameter in enumerate(parameters):
        close(parameter.grad, sum(w * gradients[place] for w, gradients in zip(weights, each, strict=True)))
