"""What a rule is told, and the one way in which weights are made to sum to one."""

import pytest
import torch

from reweigh import distributed
from reweigh.errors import BadInput
from reweigh.rules import Evidence, Rule, Uniform, to_sum_one

LIKE = torch.zeros(3)


def test_labels_are_looked_up_once():
    asked = []

    def look_up(batch):
        asked.append(batch)
        return torch.tensor([2, 0, 1])

    evidence = Evidence(3, LIKE, "the batch", look_up=look_up)
    assert evidence.labels.tolist() == [2, 0, 1]
    assert evidence.labels.tolist() == [2, 0, 1]
    assert asked == ["the batch"]


def test_labels_of_a_rule_that_was_given_no_way_to_find_them():
    with pytest.raises(BadInput, match="labels="):
        _ = Evidence(3, LIKE, None).labels


@pytest.mark.parametrize("shape", [(2,), (3, 1), ()])
def test_labels_that_are_not_one_an_example(shape):
    with pytest.raises(BadInput, match="3 losses") as caught:
        _ = Evidence(3, LIKE, None, look_up=lambda _: torch.zeros(shape, dtype=torch.int64)).labels
    assert str(shape) in str(caught.value)


@pytest.mark.parametrize("what", ["alignments", "losses"])
def test_known_gives_what_was_computed_and_names_what_was_not(what):
    values = torch.ones(3)
    assert Evidence(3, LIKE, None, **{what: values}).known(what) is values
    with pytest.raises(BadInput, match=f"{what} were not computed .* lists '{what}' in its `needs`"):
        Evidence(3, LIKE, None).known(what)


def test_a_rule_must_say_how_it_weighs():
    class Nothing(Rule):
        name = "nothing"

    with pytest.raises(TypeError, match="weigh"):
        Nothing()


def test_what_a_rule_does_by_default():
    rule = Uniform()
    assert rule.needs == frozenset()
    assert rule.sampling_weights(torch.arange(3)) is None
    assert rule.state_dict() == {}
    rule.load_state_dict({})


def test_to_sum_one():
    assert to_sum_one(torch.tensor([1.0, 3.0, 0.0])).tolist() == [0.25, 0.75, 0.0]
    assert to_sum_one(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]
    assert bool(to_sum_one(torch.tensor([1.0, float("nan")])).isnan().all())


def test_over_ranks_the_total_is_everyones_and_the_weights_are_as_many_times_larger(monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: 2)
    monkeypatch.setattr(distributed, "largest", lambda t: t.clamp(min=2.0))
    monkeypatch.setattr(distributed, "summed", lambda t: t + 2.0)  # the other rank's weights sum to 4, in units of 2
    assert to_sum_one(torch.tensor([1.0, 3.0])).tolist() == [0.25, 0.75]
    assert to_sum_one(torch.zeros(2)).tolist() == [0.0, 0.0]
