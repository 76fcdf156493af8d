"""Rules compute in one type, whatever torch's default type is and whatever the student computes in."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, ClassAwareWeightNet, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.optimizers import ReversibleSGD
from reweigh.rules import ClassProportion, HardMining, Oracle, RandomRectified, Uniform

LEARNED = {
    "meta-weight-net": MetaWeightNet,
    "class-aware": lambda: ClassAwareWeightNet([5, 6, 7]),
    "deep-interaction": lambda: DeepInteraction(3),
    "following": lambda: DeepInteraction(3, follow=True),
}
OTHERS = {
    "l2rw": L2RW,
    "uniform": Uniform,
    "random": RandomRectified,
    "proportion": lambda: ClassProportion([3, 4, 5]),
    "hard-mining": HardMining,
    "oracle": lambda: Oracle(lambda batch: batch["y"] == 0),
}
LEARNING = {
    "real": {},
    "horizon": {"horizon": 2},
    "virtual": {"look_ahead": "virtual"},
    "reverse": {"horizon": 2, "memory": "reverse"},
}


@pytest.fixture
def default_dtype():
    yield torch.set_default_dtype
    torch.set_default_dtype(torch.float32)


def batch_of(seed, dtype, size=12):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=generator, dtype=torch.float32)
    return {"x": x.to(dtype), "y": torch.randint(3, (size,), generator=generator)}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def run(rule, dtype, learning=None, steps=4):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(*(nn.Linear(4, 8, dtype=torch.float32), nn.Tanh(), nn.Linear(8, 3, dtype=torch.float32)))
    model.to(dtype)
    kind = ReversibleSGD if (learning or {}).get("memory") else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=0.05, momentum=0.9)
    more = {} if learning is None else {"optimizer": optimizer, "learning": Learning(lr=0.01, **learning)}
    by_rule = Reweigher(model, losses, rule=rule, clean=[batch_of(50, dtype)], **more)
    for k in range(steps):
        optimizer.zero_grad()
        weights = by_rule.backward(batch_of(k, dtype)).weights
        assert weights.dtype == dtype
        assert bool(torch.isfinite(weights).all())
        optimizer.step()
        by_rule.after_step()
    return weights, by_rule


@pytest.mark.parametrize("default", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("student", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rule", [*LEARNED, *OTHERS])
def test_a_rule_gives_the_same_weights_under_every_default_type(rule, student, default, default_dtype):
    learning = {} if rule in LEARNED else None
    make = {**LEARNED, **OTHERS}[rule]
    expected, known = run(make(), student, learning)
    default_dtype(default)
    found, by_rule = run(make(), student, learning)
    assert torch.equal(found, expected)
    if rule in LEARNED:
        torch.testing.assert_close(by_rule.rule.net.state_dict(), known.rule.net.state_dict(), rtol=0, atol=0)
        assert all(p.dtype == torch.float32 for p in by_rule.rule.net.parameters())


@pytest.mark.parametrize("default", [torch.float64, torch.float16])
@pytest.mark.parametrize("learning", LEARNING)
@pytest.mark.parametrize("rule", LEARNED)
def test_every_way_of_learning_works_under_every_default_type(rule, learning, default, default_dtype):
    expected, _ = run(LEARNED[rule](), torch.float64, LEARNING[learning])
    default_dtype(default)
    found, _ = run(LEARNED[rule](), torch.float64, LEARNING[learning])
    assert torch.equal(found, expected)


@pytest.mark.parametrize("rule", LEARNED)
@pytest.mark.parametrize("learning", ["real", "virtual"])
def test_a_student_in_half_precision(rule, learning):
    run(LEARNED[rule](), torch.float16, LEARNING[learning])


@pytest.mark.parametrize("rule", LEARNED)
def test_a_network_that_the_user_made_double_computes_in_double(rule):
    made = LEARNED[rule]()
    _, by_rule = run(made, torch.float64, {}, steps=1)
    made.net.double()
    by_rule.weigh(batch_of(3, torch.float64))
    assert all(p.dtype == torch.float64 for p in made.net.parameters())


@pytest.mark.parametrize("kind", [torch.int32, torch.uint8, torch.float32, torch.float64, torch.bool])
@pytest.mark.parametrize("rule", ["class-aware", "deep-interaction", "proportion", "hard-mining"])
def test_labels_in_another_type(rule, kind):
    batch = {**batch_of(1, torch.float32), "y": torch.tensor([0, 1] * 6)}

    def look(b):
        return b["y"].to(kind)

    learned = rule in LEARNED
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def weights(labels):
        torch.manual_seed(0)
        rule_made = {**LEARNED, **OTHERS}[rule]()
        more = {"optimizer": optimizer} if learned else {}
        return Reweigher(model, losses, rule=rule_made, clean=[batch], labels=labels, **more).weigh(batch)

    assert torch.equal(weights(look), weights(lambda b: b["y"]))


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (torch.linspace(0, 2, 12), "no whole numbers"),
        (torch.full((12,), float("nan")), "no whole numbers"),
        (torch.full((12,), float("inf")), "infinite"),
        (["cat"] * 12, "makes no tensor"),
        (torch.full((12,), -100), "a label is -100"),
        (torch.full((12,), 3), "a label is 3"),
        (torch.zeros(12, 2), "one label an example"),
    ],
)
@pytest.mark.parametrize("rule", ["class-aware", "deep-interaction"])
def test_labels_that_are_none(rule, labels, said):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batch = batch_of(1, torch.float32)
    by_rule = Reweigher(
        model, losses, rule=LEARNED[rule](), clean=[batch], optimizer=optimizer, labels=lambda b: labels
    )
    with pytest.raises(BadInput, match=said):
        by_rule.backward(batch)


@pytest.mark.parametrize(
    "mask",
    [torch.linspace(0, 1, 12), torch.arange(12), torch.full((12,), float("nan")), -torch.ones(12, dtype=torch.int64)],
)
def test_an_oracle_that_tells_shares_or_positions(mask):
    with pytest.raises(BadInput, match="true where the label is wrong"):
        run(Oracle(lambda batch: mask), torch.float32)


def test_an_oracle_that_tells_a_list():
    weights, _ = run(Oracle(lambda batch: [True] * 6 + [False] * 6), torch.float32)
    assert weights.tolist() == [0.0] * 6 + [pytest.approx(1 / 6)] * 6
