"""Alignments averaged over visits, by hand; and the laws of the weights that follow."""

import copy
import io
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reweigh import Reweigher
from reweigh.errors import BadInput, NonFinite
from reweigh.rules import Evidence, SmoothedL2RW
from reweigh.rules.memory import Memory
from reweigh.rules.registry import entry_of, options_from
from two_ranks import on_two_ranks

LARGE = 2**62 + 1


def evidence(ids, along):
    along = torch.as_tensor(along)
    return Evidence(len(along), along, {"id": ids}, alignments=along, look_up_ids=lambda batch: batch["id"])


def in_units(along):
    along = torch.as_tensor(along)
    return along / along.abs().mean()


# The memory


def test_the_mean_halves_a_visit_with_every_half_life():
    memory, seen = Memory(2.0), [3.0, -1.0, 5.0, 2.0]
    for n, value in enumerate(seen):
        found = memory.visit([7], torch.tensor([value], dtype=torch.float64))
        share = [2 ** (-(n - k) / 2) for k in range(n + 1)]
        expected = sum(s * a for s, a in zip(share, seen[: n + 1], strict=True)) / sum(share)
        assert float(found) == pytest.approx(expected, rel=1e-12)


def test_names_may_be_large_negative_or_tuples_and_come_in_any_order():
    memory = Memory(1.0)
    memory.visit([LARGE, -3, (5, 1)], torch.tensor([1.0, 2.0, 3.0]))
    found = memory.visit([(5, 1), -3, LARGE], torch.tensor([3.0, 2.0, 1.0]))
    assert found.tolist() == [3.0, 2.0, 1.0]
    assert len(memory) == 3


def test_it_grows_and_its_state_is_flat_and_no_larger_than_what_was_seen():
    memory = Memory(3.0)
    for first in range(0, 5000, 100):
        memory.visit(list(range(first, first + 100)), torch.arange(first, first + 100.0))
    state = memory.state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == dict.fromkeys(("ids", "means", "visits"), (5000,))
    assert torch.equal(state["means"], torch.arange(5000.0))


def test_one_that_stands_twice_in_a_batch_has_come_once_with_the_mean():
    memory = Memory(3.0)
    assert memory.visit([1, 2, 1], torch.tensor([1.0, 5.0, 4.0])).tolist() == [2.5, 5.0, 2.5]
    assert memory.state_dict()["visits"].tolist() == [1, 1]


def test_half_precision_is_remembered_in_single():
    memory = Memory(3.0)
    memory.visit([1], torch.tensor([1.0], dtype=torch.bfloat16))
    assert memory.state_dict()["means"].dtype == torch.float32


# The rule


def test_a_first_visit_is_the_sigmoid_of_six_times_the_alignment_in_its_units():
    along = [3.0, -2.0, 1.0, 0.0]
    raw = torch.sigmoid(6 * in_units(along))
    torch.testing.assert_close(SmoothedL2RW().weigh(evidence([4, 3, 2, 1], along)), raw / raw.sum())


def test_rectified_on_a_first_visit_is_l2rw():
    found = SmoothedL2RW(squash="rectified").weigh(evidence([1, 2, 3, 4], [3.0, -2.0, 1.0, 0.0]))
    torch.testing.assert_close(found, torch.tensor([0.75, 0.0, 0.25, 0.0]))


def test_a_later_visit_is_weighed_by_the_mean():
    rule = SmoothedL2RW(half_life=1.0, sharpness=2.0)
    rule.weigh(evidence([1, 2], [1.0, -3.0]))
    found = rule.weigh(evidence([2, 3], [4.0, 2.0]))
    first, second = in_units([1.0, -3.0]), in_units([4.0, 2.0])
    means = torch.stack([(0.5 * first[1] + second[0]) / 1.5, second[1]])
    raw = torch.sigmoid(2 * in_units(means))
    torch.testing.assert_close(found, raw / raw.sum())


@pytest.mark.parametrize("squash", ["sigmoid", "rectified"])
@pytest.mark.parametrize("unit", [1e-20, 1e30])
def test_the_unit_drops_out(unit, squash):
    one, other = SmoothedL2RW(squash=squash), SmoothedL2RW(squash=squash)
    for seed in range(3):
        along = torch.randn(6, generator=torch.Generator().manual_seed(seed))
        ids = torch.randperm(8, generator=torch.Generator().manual_seed(seed))[:6]
        torch.testing.assert_close(one.weigh(evidence(ids, unit * along)), other.weigh(evidence(ids, along)))


def test_nothing_aligned_counts_alike_or_not_at_all():
    assert SmoothedL2RW().weigh(evidence([1, 2], [0.0, 0.0])).tolist() == [0.5, 0.5]
    assert SmoothedL2RW(squash="rectified").weigh(evidence([1, 2], [0.0, 0.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_never_enters_the_memory(bad):
    rule = SmoothedL2RW()
    rule.weigh(evidence([1, 2], [1.0, 2.0]))
    before = rule.state_dict()
    with pytest.raises(NonFinite, match="remembered"):
        rule.weigh(evidence([1, 9], [bad, 1.0]))
    assert all(torch.equal(value, rule.state_dict()[name]) for name, value in before.items())


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [(None, "by their ids"), (["a", "b"], "by their ids"), ([1, 2, 3], "one whole number"), ([0.5, 1.0], "one whole")],
)
def test_a_batch_without_ids_is_refused_in_a_sentence(ids, sentence):
    with pytest.raises(BadInput, match=sentence):
        SmoothedL2RW().weigh(evidence(ids, [1.0, 2.0]))


@pytest.mark.parametrize(
    "wrong", [{"half_life": 0}, {"half_life": math.nan}, {"sharpness": -1}, {"squash": "tanh"}, {"half_life": "3"}]
)
def test_wrong_arguments_are_refused_by_name(wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        SmoothedL2RW(**wrong)


def test_options_come_through_the_registry():
    entry = entry_of("smoothed")
    made = entry.make(_nothing(), options_from(entry, {}, ["half_life=5", "squash=rectified"]))
    assert repr(made) == "SmoothedL2RW(half_life=5.0, squash='rectified', sharpness=6.0)"
    with pytest.raises(BadInput, match="squash='no'"):
        entry.make(_nothing(), options_from(entry, {}, ["squash=no"]))


def _nothing():
    from reweigh.rules import Materials

    return Materials()


@pytest.mark.parametrize("state", [{}, {"ids": 3, "means": 1, "visits": 2}, None])
def test_a_foreign_state_is_refused_and_changes_nothing(state):
    rule = SmoothedL2RW()
    rule.weigh(evidence([1], [1.0]))
    with pytest.raises(BadInput, match="no state of a smoothed rule"):
        rule.load_state_dict(state)
    assert rule.state_dict()["ids"].tolist() == [1]


# Within the Reweigher


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(count, seed):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 5, generator=draw, dtype=torch.float64)
    return {
        "x": x,
        "y": torch.randint(3, (count,), generator=draw),
        "id": 100 * torch.randperm(9, generator=draw)[:count],
    }


def scene(**options):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()
    options = {"per_example_loss": loss, "clean": [batch_of(4, 90), batch_of(4, 91)], **options}
    return model, Reweigher(model, rule=SmoothedL2RW(), **options)


def trained(model, by, seeds):
    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.5), []
    for seed in seeds:
        optimizer.zero_grad()
        found.append(by.backward(batch_of(6, seed)).weights)
        optimizer.step()
    return found


def test_permuting_the_batch_permutes_the_weights():
    (model, by), (twin, other) = scene(), scene()
    trained(model, by, [1, 2])
    trained(twin, other, [1, 2])
    batch, order = batch_of(6, 3), torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = other.weigh({name: t[order] for name, t in batch.items()})
    torch.testing.assert_close(shuffled, by.weigh(batch)[order])


def test_scaling_the_clean_loss_leaves_the_weights():
    plain, scaled = scene(), scene(clean_loss=lambda model, batch: 1e3 * loss(model, batch))
    for one, other in zip(trained(*plain, range(5)), trained(*scaled, range(5)), strict=True):
        torch.testing.assert_close(one, other)


def test_a_resumed_run_gives_the_same_weights_bit_for_bit():
    model, by = scene()
    trained(model, by, range(4))
    saved = io.BytesIO()
    torch.save((model.state_dict(), by.state_dict()), saved)
    expected = trained(model, by, range(4, 9))
    saved.seek(0)
    of_model, of_rule = torch.load(saved, weights_only=True)
    model, by = scene()
    trained(model, by, [7])  # loading replaces what was remembered
    model.load_state_dict(of_model)
    by.load_state_dict(of_rule)
    assert all(map(torch.equal, expected, trained(model, by, range(4, 9))))


def test_a_batch_weighed_twice_without_a_step_has_the_same_weights():
    """With one clean batch the second visit tells what the first did."""
    _, by = scene(clean=[batch_of(4, 90)])
    batch = batch_of(6, 1)
    assert torch.equal(by.weigh(batch), by.weigh(batch))
    assert by.state_dict()["rule_state"]["visits"].tolist() == [2] * 6


def test_a_step_that_fails_leaves_the_memory_as_it_was():
    model, by = scene()
    trained(model, by, range(3))
    before = copy.deepcopy(by.state_dict()["rule_state"])
    bad = batch_of(6, 4)
    bad["x"][2] = math.nan
    with pytest.raises(NonFinite):
        by.backward(bad)

    by.rule.weigh = lambda evidence: SmoothedL2RW.weigh(by.rule, evidence) * math.nan
    with pytest.raises(NonFinite):
        by.backward(batch_of(6, 5))
    after = by.state_dict()["rule_state"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_without_ids_the_reweigher_says_what_to_pass():
    _, by = scene(ids=lambda batch: None)
    with pytest.raises(BadInput, match="pass ids="):
        by.weigh(batch_of(6, 1))


def test_a_copy_remembers_for_itself():
    rule = SmoothedL2RW()
    rule.weigh(evidence([1], [1.0]))
    copied = copy.deepcopy(rule)
    copied.weigh(evidence([2], [1.0]))
    assert (rule.state_dict()["ids"].tolist(), copied.state_dict()["ids"].tolist()) == ([1], [1, 2])


def weigh_on_rank(rank):
    rule = SmoothedL2RW()
    halves = [rule.weigh(half(visit, rank)) for visit in range(3)]
    return halves, rule.state_dict()["ids"]


def half(visit, rank):
    draw = torch.Generator().manual_seed(visit)
    along, ids = torch.randn(6, generator=draw), torch.randperm(6, generator=draw)
    rows = slice(0, 2) if rank == 0 else slice(2, 6)
    return evidence(ids[rows], along[rows])


def test_two_ranks_that_get_other_examples_each_time_equal_one():
    (left, mine), (right, yours) = on_two_ranks(weigh_on_rank)
    rule = SmoothedL2RW()
    for visit in range(3):
        along = torch.cat([half(visit, 0).alignments, half(visit, 1).alignments])
        ids = torch.cat([half(visit, rank).batch["id"] for rank in range(2)])
        whole = rule.weigh(evidence(ids, along))
        torch.testing.assert_close(torch.cat([left[visit], right[visit]]) / 2, whole)
    assert mine.tolist() == yours.tolist() == rule.state_dict()["ids"].tolist()  # each remembers all
