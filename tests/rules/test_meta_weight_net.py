"""Meta-Weight-Net's curve, and CMW-Net's curves by class."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import ClassAwareWeightNet, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.rules import Evidence
from reweigh.rules.class_aware import families_by_size


def evidence_of(losses, labels=None):
    batch = {"y": labels if labels is not None else torch.zeros(len(losses), dtype=torch.int64)}
    return Evidence(len(losses), losses, batch, losses=losses, look_up=lambda b: b["y"])


@pytest.mark.parametrize("normalise", ["sum", "mean"])
def test_the_weights_are_the_published_network_of_the_losses(normalise):
    rule, losses = MetaWeightNet(normalise=normalise), torch.rand(9) * 3
    weights = rule.weigh(evidence_of(losses))
    first, _, last = rule.net.body
    assert first.weight.shape == (100, 1)
    raw = torch.sigmoid(torch.relu(losses[:, None] @ first.weight.T + first.bias) @ last.weight.T + last.bias)[:, 0]
    torch.testing.assert_close(weights, raw / raw.sum() if normalise == "sum" else raw / 9)


def test_the_losses_are_taken_without_their_graph():
    losses = torch.rand(5, requires_grad=True)
    MetaWeightNet().weights(evidence_of(losses)).sum().backward()
    assert losses.grad is None


def test_the_same_seed_gives_the_same_curve_and_the_global_generator_stays():
    before = torch.get_rng_state()
    curves = [MetaWeightNet(seed=s).weigh(evidence_of(torch.linspace(0, 3, 7))) for s in (1, 1, 2)]
    assert torch.equal(curves[0], curves[1])
    assert not torch.equal(curves[0], curves[2])
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("noisy", [True, False])
def test_it_learns_which_losses_to_trust(noisy):
    """With wrong labels a high loss is to be distrusted; where the rare class has the high losses it is to be trusted."""
    generator = torch.Generator().manual_seed(0)
    n = 600
    x = torch.randn(n, 4, generator=generator)
    true = (x[:, 0] > 0).long() if noisy else (x[:, 0] > 1.3).long()
    wrong = (torch.rand(n, generator=generator) < 0.4) & noisy
    given = torch.where(wrong, 1 - true, true)
    clean_x = torch.randn(200, 4, generator=generator)
    clean_y = (clean_x[:, 0] > 0).long() if noisy else (clean_x[:, 0] > 1.3).long()
    if not noisy:  # balanced, as a clean set is meant to be
        rows = torch.cat([clean_y.nonzero()[:15, 0], (clean_y == 0).nonzero()[:15, 0]])
        clean_x, clean_y = clean_x[rows], clean_y[rows]
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    rule = MetaWeightNet(normalise="mean")
    reweigher = Reweigher(
        model,
        lambda m, b: F.cross_entropy(m(b["x"]), b["y"], reduction="none"),
        rule=rule,
        clean={"x": clean_x, "y": clean_y},
        optimizer=optimizer,
        learning=Learning(lr=0.005),
    )
    for _ in range(300):
        rows = torch.randint(n, (100,), generator=generator)
        optimizer.zero_grad()
        reweigher.backward({"x": x[rows], "y": given[rows]})
        optimizer.step()
        reweigher.after_step()
    low, high = rule.weigh(evidence_of(torch.tensor([0.05, 2.0]))).tolist()
    assert (low > high) == noisy


def test_families_are_classes_of_like_size():
    assert families_by_size([1000, 980, 100, 110, 9, 11], 3).tolist() == [2, 2, 1, 1, 0, 0]
    assert families_by_size([5, 5, 5], 3).tolist() == [0, 0, 0]
    assert families_by_size([5, 7, 5], 3).tolist() == [0, 1, 0]
    assert families_by_size([5, 5, 5], "each").tolist() == [0, 1, 2]
    assert families_by_size([9, 1], 1).tolist() == [0, 0]


def test_each_family_has_a_curve_of_its_own():
    rule = ClassAwareWeightNet([1000, 10, 990], families=2, normalise="mean")
    losses, labels = torch.full((3,), 0.7), torch.tensor([0, 1, 2])
    weights = rule.weigh(evidence_of(losses, labels))
    assert weights[0] == weights[2] != weights[1]
    rule.weights(evidence_of(losses[:1], labels[1:2])).sum().backward()
    assert bool(rule.net.body[2].weight.grad[0].any())
    assert not rule.net.body[2].weight.grad[1].any()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: ClassAwareWeightNet([]), "one count a class"),
        (lambda: ClassAwareWeightNet([3, -1]), "one count a class"),
        (lambda: ClassAwareWeightNet([3, 1], families=0), "at least 1, or 'each'"),
        (lambda: ClassAwareWeightNet([3, 1], families="all"), "at least 1, or 'each'"),
        (
            lambda: ClassAwareWeightNet([3, 1]).weigh(evidence_of(torch.rand(2), torch.tensor([0, 2]))),
            "a label is 2 but sizes= names 2 classes",
        ),
    ],
)
def test_bad_settings(make, sentence):
    with pytest.raises(BadInput, match=sentence):
        make()


def test_a_saved_rule_comes_back(tmp_path):
    for rule in (MetaWeightNet(hidden=7), ClassAwareWeightNet([5, 1, 9], families="each", hidden=6)):
        evidence = evidence_of(torch.rand(3), torch.arange(3))
        before = rule.weigh(evidence)
        rule.save(tmp_path / "rule.safetensors")
        loaded = type(rule).load(tmp_path / "rule.safetensors")
        assert torch.equal(loaded.weigh(evidence), before)
        assert repr(loaded) == repr(rule)


def test_a_state_of_other_settings_is_refused():
    rule = MetaWeightNet(hidden=5)
    with pytest.raises(BadInput, match="made with"):
        rule.load_state_dict(MetaWeightNet(hidden=6).state_dict())


def test_loading_leaves_the_random_number_generators_alone():
    rule = MetaWeightNet(hidden=4)
    rule.weigh(Evidence(2, torch.empty(2), None, losses=torch.ones(2)))
    before = torch.get_rng_state()
    MetaWeightNet(hidden=4).load_state_dict(rule.state_dict())
    assert torch.equal(torch.get_rng_state(), before)
