"""The clean direction kept or averaged: by hand, when resumed, when steps are accumulated, and when a batch is bad."""

import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, MetaWeightNet, Reweigher, alignments, clean_direction
from reweigh.clean_gradient import CleanGradient
from reweigh.clean_stream import clean_stream
from reweigh.errors import BadInput, NonFinite
from reweigh.rules import Uniform


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def mlp():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def batch_of(seed, size=12):
    generator = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(size, 4, generator=generator).double(),
        "y": torch.randint(3, (size,), generator=generator),
    }


CLEAN = [batch_of(50 + i, 9) for i in range(7)]


class Numbered:
    """A stream whose i-th clean batch has the gradient {"w": i}, i from 1."""

    parted = None

    def __init__(self):
        self.taken = 0

    def next(self):
        self.taken += 1
        return float(self.taken)


def numbered(**options):
    stream = Numbered()
    return stream, CleanGradient(stream, lambda i: ({"w": torch.full((2,), i)}, torch.tensor(i)), **options)


def served(gradient, count):
    found = []
    for _ in range(count):
        clean = gradient.next()
        gradient.used()
        found.append((round(clean.direction["w"][0].item(), 5), clean.loss.item()))
    return found


def test_a_direction_serves_k_batches():
    stream, gradient = numbered(every=3)
    assert served(gradient, 8) == [(1, 1)] * 3 + [(2, 2)] * 3 + [(3, 3)] * 2
    assert stream.taken == 3


def test_the_mean_is_bias_corrected():
    _, gradient = numbered(average=0.5)
    expected = [1.0, (0.25 * 1 + 0.5 * 2) / 0.75, (0.125 * 1 + 0.25 * 2 + 0.5 * 3) / 0.875]
    assert [v for v, _ in served(gradient, 3)] == pytest.approx(expected, abs=1e-5)


def test_a_mean_over_kept_directions_moves_once_in_k():
    stream, gradient = numbered(every=2, average=0.5)
    found = [v for v, _ in served(gradient, 4)]
    assert found == pytest.approx([1.0, 1.0, 5 / 3, 5 / 3], abs=1e-5)
    assert stream.taken == 2


def test_by_default_each_batch_has_its_own_and_nothing_is_held():
    stream, gradient = numbered()
    assert served(gradient, 3) == [(1, 1), (2, 2), (3, 3)]
    assert stream.taken == 3
    assert gradient.state_dict() is None


def test_what_is_not_used_is_not_kept():
    """A batch that was not finite must leave nothing in the mean."""
    _, gradient = numbered(every=2, average=0.5)
    gradient.next()
    assert gradient.state_dict() is None
    assert served(gradient, 2) == [(2, 2), (2, 2)]


def test_parameters_that_join_or_leave_count_as_zero_while_away():
    found = iter([{"a": torch.ones(1), "b": torch.ones(1)}, {"a": torch.ones(1)}, {"b": torch.ones(1)}])
    gradient = CleanGradient(Numbered(), lambda _: (next(found), torch.zeros(())), average=0.5)
    for _ in range(3):
        v = gradient.next().direction
        gradient.used()
    assert v["a"].item() == pytest.approx((0.125 + 0.25) / 0.875)
    assert v["b"].item() == pytest.approx((0.125 + 0.5) / 0.875)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"every": 0}, "clean_every is 0"),
        ({"every": 2.5}, "clean_every is 2.5"),
        ({"average": 1.0}, "clean_average is 1.0"),
        ({"average": -0.1}, "from 0"),
        ({"average": float("nan")}, "clean_average is nan"),
    ],
)
def test_bad_settings(options, sentence):
    with pytest.raises(BadInput, match=sentence):
        numbered(**options)


def reweigher(model, **options):
    return Reweigher(model, losses, **{"rule": L2RW(), "clean": CLEAN, **options})


def trained(model, by_rule, seeds):
    """Some steps by SGD; the weights of each."""
    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.1), []
    for seed in seeds:
        optimizer.zero_grad()
        found.append(by_rule.backward(batch_of(seed)).weights)
        optimizer.step()
    return found


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
def test_the_weights_are_those_of_the_old_direction(engine):
    model, by_rule = mlp(), None
    by_rule = reweigher(model, clean_every=3, engine=engine)
    direction = clean_direction(mlp(), losses, CLEAN[0])
    trained(model, by_rule, [0, 1])
    along = alignments(model, losses, batch_of(2), direction).clamp(min=0)
    torch.testing.assert_close(by_rule.weigh(batch_of(2)), along / along.sum(), rtol=1e-5, atol=1e-6)
    fresh = clean_direction(model, losses, CLEAN[1])
    along = alignments(model, losses, batch_of(3), fresh).clamp(min=0)
    torch.testing.assert_close(by_rule.weigh(batch_of(3)), along / along.sum(), rtol=1e-5, atol=1e-6)


def test_accumulated_batches_share_one_direction():
    """k micro-batches a step of the optimizer with clean_every=k: each has the weights that this one direction gives."""
    model = mlp()
    by_rule = reweigher(model, clean_every=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(2):
        direction = clean_direction(model, losses, CLEAN[step])
        expected = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
        optimizer.zero_grad()
        for seed in range(4):
            _, weights = by_rule.backward(batch_of(seed))
            along = alignments(model, losses, batch_of(seed), direction).clamp(min=0)
            torch.testing.assert_close(weights, along / along.sum(), rtol=1e-9, atol=1e-12)
            grads = torch.autograd.grad((losses(model, batch_of(seed)) * weights).sum(), list(model.parameters()))
            for total, g in zip(expected.values(), grads, strict=True):
                total += g
        for (name, p), total in zip(model.named_parameters(), expected.values(), strict=True):
            torch.testing.assert_close(p.grad, total, rtol=1e-9, atol=1e-12, msg=name)
        optimizer.step()


OPTIONS = {
    "every": {"clean_every": 3},
    "average": {"clean_average": 0.8},
    "both": {"clean_every": 2, "clean_average": 0.8},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("stop", [1, 2, 3, 4])
def test_resumed_it_goes_on_to_the_same_bits(options, stop):
    model = mlp()
    by_rule = reweigher(model, **options)
    trained(model, by_rule, range(stop))
    file = io.BytesIO()
    torch.save((model.state_dict(), by_rule.state_dict()), file)
    expected = trained(model, by_rule, range(10, 16))
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    other = mlp()
    resumed = reweigher(other, **options)
    trained(other, resumed, [99])  # what is loaded replaces what was kept
    other.load_state_dict(weights)
    resumed.load_state_dict(state)
    for one, two in zip(expected, trained(other, resumed, range(10, 16)), strict=True):
        assert torch.equal(one, two)


def test_a_checkpoint_of_before_the_option_or_without_it():
    model = mlp()
    by_rule = reweigher(model, clean_every=3)
    by_rule.weigh(batch_of(0))
    state = by_rule.state_dict()
    plain = reweigher(model)
    plain.load_state_dict(state)
    assert plain.state_dict()["clean_gradient"] is None
    del state["clean_gradient"]
    by_rule.load_state_dict(state)
    assert by_rule.weigh(batch_of(1)).sum().item() == pytest.approx(1)


def test_the_saved_state_does_not_change_afterwards():
    model = mlp()
    by_rule = reweigher(model, clean_average=0.9)
    by_rule.weigh(batch_of(0))
    state = by_rule.state_dict()["clean_gradient"]
    before = {name: m.clone() for name, m in state["mean"].items()}
    trained(model, by_rule, range(3))
    for name, m in before.items():
        assert torch.equal(state["mean"][name], m)


def test_a_bad_clean_batch_is_not_averaged_in():
    bad = batch_of(1)
    bad["x"] = bad["x"] * float("nan")
    model = mlp()
    by_rule = reweigher(model, clean=[CLEAN[0], bad, CLEAN[2]], clean_average=0.9)
    by_rule.weigh(batch_of(0))
    with pytest.raises(NonFinite, match="clean"):
        by_rule.weigh(batch_of(1))
    assert by_rule.weigh(batch_of(1)).isfinite().all()
    v = clean_direction(model, losses, CLEAN[0]), clean_direction(model, losses, CLEAN[2])
    for name, m in by_rule.state_dict()["clean_gradient"]["mean"].items():
        torch.testing.assert_close(m, 0.09 * v[0][name] + 0.1 * v[1][name])


def test_with_a_rule_that_needs_no_direction_no_clean_batch_is_taken():
    stream = clean_stream(CLEAN)
    by_rule = reweigher(mlp(), clean=stream, rule=Uniform(), clean_every=2, clean_average=0.9)
    by_rule.backward(batch_of(0))
    assert stream.state_dict()["offset"] == 0
    assert by_rule.state_dict()["clean_gradient"] is None


def test_the_warm_up_does_not_use_a_direction_up():
    by_rule = reweigher(mlp(), warm_up=2, clean_every=2)
    for seed in range(5):
        by_rule.weigh(batch_of(seed))
    assert by_rule.state_dict()["clean"]["offset"] == 2
    assert by_rule.state_dict()["clean_gradient"]["left"] == 1


@pytest.mark.parametrize(
    "options", [{"clean_every": 2}, {"clean_average": 0.5}, {"preset": "fast", "clean_every": 2}, {"skip_zeros": True}]
)
def test_rules_that_learn_refuse(options):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(BadInput, match=r"meta-weight-net rule learns from the clean gradient.*Learning\(every="):
        reweigher(model, rule=MetaWeightNet(), optimizer=optimizer, **options)


def test_the_report_tells_the_direction_in_use():
    by_rule = reweigher(mlp(), clean_every=2)
    seen = []
    for seed in range(3):
        by_rule.weigh(batch_of(seed))
        seen.append((by_rule.report.direction_norm, by_rule.report.clean_loss))
    assert seen[0] == seen[1] != seen[2]
