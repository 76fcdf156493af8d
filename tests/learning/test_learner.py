"""A rule that learns within a training loop: what must be called when, and a run that goes on where it was stopped."""

import copy
import io
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput, NonFinite
from reweigh.optimizers import ReversibleSGD


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def student(dropout=0.0):
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3))


def batch_of(seed, size=12):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=generator)
    return {"x": x, "y": torch.randint(3, (size,), generator=generator)}


CLEAN = batch_of(50, 9)
SETTINGS = {
    "meta-weight-net": (MetaWeightNet, {}, torch.optim.SGD),
    "virtual": (MetaWeightNet, {"look_ahead": "virtual"}, torch.optim.Adam),
    "teacher": (lambda: DeepInteraction(3), {}, torch.optim.Adam),
    "horizon": (lambda: DeepInteraction(3), {"horizon": 3}, torch.optim.SGD),
    "sliding window": (lambda: DeepInteraction(3, follow=True), {"horizon": 4, "every": 1}, torch.optim.SGD),
    "adamw, horizon": (MetaWeightNet, {"horizon": 3, "every": 2}, torch.optim.AdamW),
    "reverse": (MetaWeightNet, {"horizon": 3, "memory": "reverse"}, ReversibleSGD),
}


def set_up(name):
    make_rule, learning, make = SETTINGS[name]
    model = student(dropout=0.3)
    options = {"momentum": 0.9} if make is torch.optim.SGD else {}
    optimizer = make(model.parameters(), lr=0.05, **options)
    reweigher = Reweigher(
        model,
        losses,
        rule=make_rule(),
        clean=CLEAN,
        clean_batch_size=4,
        optimizer=optimizer,
        learning=Learning(lr=0.01, **learning),
    )
    return model, optimizer, reweigher


def steps(parts, first, last):
    _, optimizer, reweigher = parts
    seen = []
    for k in range(first, last):
        optimizer.zero_grad()
        torch.manual_seed(100 + k)
        seen.append(reweigher.backward(batch_of(k)).weights)
        optimizer.step()
        reweigher.after_step()
    return seen


def saved_and_loaded(parts, name):
    model, optimizer, reweigher = parts
    file = io.BytesIO()
    torch.save((model.state_dict(), optimizer.state_dict(), reweigher.state_dict()), file)
    file.seek(0)
    fresh = set_up(name)
    steps(fresh, 70, 71)  # loading must replace a state, not only fill an empty one
    for part, state in zip(fresh, torch.load(file, weights_only=True), strict=True):
        part.load_state_dict(state)
    return fresh


@pytest.mark.parametrize("name", SETTINGS)
def test_stopped_ten_times_it_ends_as_if_never_stopped(name):
    """At random steps, so in the middle of windows too; what is saved can be read with `weights_only`."""
    whole = set_up(name)
    expected = steps(whole, 0, 24)
    parts, found = set_up(name), []
    stops = sorted(random.Random(1).sample(range(1, 24), 10))
    for first, last in zip([0, *stops], [*stops, 24], strict=True):
        found += steps(parts, first, last)
        parts = saved_and_loaded(parts, name)
    assert all(torch.equal(one, two) for one, two in zip(found, expected, strict=True))
    for one, two in zip(parts[0].state_dict().values(), whole[0].state_dict().values(), strict=True):
        assert torch.equal(one, two)
    ours, theirs = parts[2].rule.net.state_dict(), whole[2].rule.net.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("name", SETTINGS)
def test_weigh_and_backward_teach_the_same(name):
    apart, fused = set_up(name), set_up(name)
    for k in range(7):
        found = steps(fused, k, k + 1)[0]
        model, optimizer, reweigher = apart
        optimizer.zero_grad()
        torch.manual_seed(100 + k)
        weights = reweigher.weigh(batch_of(k))
        losses(model, batch_of(k)).backward(weights)
        optimizer.step()
        reweigher.after_step()
        torch.testing.assert_close(weights, found, rtol=1e-5, atol=1e-7)


def test_learning_leaves_the_student_as_the_step_left_it():
    model, optimizer, reweigher = parts = set_up("horizon")
    steps(parts, 0, 2)
    optimizer.zero_grad()
    reweigher.backward(batch_of(9))
    optimizer.step()
    before = copy.deepcopy(
        (model.state_dict(), optimizer.state_dict(), {n: p.grad for n, p in model.named_parameters()})
    )
    generator = torch.get_rng_state()
    storages = [p.data_ptr() for p in model.parameters()]
    reweigher.after_step()
    after = model.state_dict(), optimizer.state_dict(), {n: p.grad for n, p in model.named_parameters()}
    torch.testing.assert_close(after, before, rtol=0, atol=0)
    assert torch.equal(torch.get_rng_state(), generator)
    assert [p.data_ptr() for p in model.parameters()] == storages
    assert model.training


def test_the_report_knows_the_clean_side_after_the_step():
    _, optimizer, reweigher = parts = set_up("meta-weight-net")
    optimizer.zero_grad()
    reweigher.backward(batch_of(0))
    assert reweigher.report.direction_norm != reweigher.report.direction_norm
    assert reweigher.report.alignments is None
    optimizer.step()
    reweigher.after_step()
    assert reweigher.report.direction_norm > 0
    assert reweigher.report.clean_loss > 0
    assert reweigher.report.alignments.shape == (12,)
    assert steps(parts, 1, 2)


def test_warm_up_steps_are_plain_and_teach_nothing():
    model = student()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    reweigher = Reweigher(model, losses, rule=MetaWeightNet(), clean=CLEAN, optimizer=optimizer, warm_up=2)
    found = steps((model, optimizer, reweigher), 0, 3)
    assert torch.equal(found[1], torch.full((12,), 1 / 12))
    assert not torch.equal(found[2], found[1])


def test_the_rules_parameters_are_what_learns():
    parts = set_up("teacher")
    steps(parts, 0, 1)
    before = copy.deepcopy(parts[2].rule.net.state_dict())
    steps(parts, 1, 3)
    after = parts[2].rule.net.state_dict()
    assert any(not torch.equal(before[key], after[key]) for key in before)
    assert all(p.grad is None for p in parts[2].rule.net.parameters())


BAD = {
    "no optimizer": (lambda m, o: Reweigher(m, losses, rule=MetaWeightNet(), clean=CLEAN), "pass optimizer="),
    "nothing to learn": (
        lambda m, o: Reweigher(m, losses, rule=L2RW(), clean=CLEAN, learning=Learning()), "has nothing to learn"
    ),
    "reverse with sgd": (
        lambda m, o: Reweigher(
            m, losses, rule=MetaWeightNet(), clean=CLEAN, optimizer=o, learning=Learning(memory="reverse")
        ),
        "SGD cannot: train the student with reweigh.optimizers.ReversibleSGD",
    ),
    "look ahead": (lambda m, o: Learning(look_ahead="far"), "choose one of real, virtual, virtual-sgd"),
    "memory": (lambda m, o: Learning(memory="none"), "choose one of snapshots, reverse"),
    "horizon": (lambda m, o: Learning(horizon=0), "at least 1"),
    "every": (lambda m, o: Learning(every=0), "at least 1"),
    "virtual horizon": (lambda m, o: Learning(horizon=2, look_ahead="virtual"), "use look_ahead='real'"),
    "rate": (lambda m, o: Learning(lr=0.0), "above 0"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_settings(case):
    make, sentence = BAD[case]
    model = student()
    with pytest.raises(BadInput, match=sentence):
        make(model, torch.optim.SGD(model.parameters(), lr=0.1))


@pytest.mark.parametrize("to_none", [True, False])
def test_gradients_that_were_cleared_too_early(to_none):
    _, optimizer, reweigher = set_up("meta-weight-net")
    reweigher.backward(batch_of(0))
    optimizer.step()
    optimizer.zero_grad(set_to_none=to_none)
    with pytest.raises(BadInput, match=r"cleared before after_step\(\)"):
        reweigher.after_step()


def test_a_clean_loss_that_is_not_finite():
    model = student()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    bad = {"x": torch.full((4, 4), float("nan")), "y": torch.zeros(4, dtype=torch.int64)}
    reweigher = Reweigher(model, losses, rule=MetaWeightNet(), clean=[bad], optimizer=optimizer)
    with pytest.raises(NonFinite):
        steps((model, optimizer, reweigher), 0, 1)


def test_stepping_back_needs_gradients_that_come_out_the_same():
    """A student whose loss depends on hidden state does not; the checksum finds out."""
    counter = [0]

    def fickle(model, batch):
        counter[0] += 1
        return losses(model, batch) * (1 + 0.01 * counter[0])

    model = student()
    optimizer = ReversibleSGD(model.parameters(), lr=0.05)
    learning = Learning(horizon=3, memory="reverse")
    reweigher = Reweigher(
        model, fickle, clean_loss=losses, rule=MetaWeightNet(), clean=CLEAN, optimizer=optimizer, learning=learning
    )
    with (
        pytest.warns(UserWarning, match="gives other losses for the same model and batch the second time"),
        pytest.raises(Exception, match="comes out differently the second time: use memory='snapshots'"),
    ):
        steps((model, optimizer, reweigher), 0, 3)
