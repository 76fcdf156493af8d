"""The surface features and the clean class means, by hand."""

import math

import torch

from reweigh.rules import Evidence
from reweigh.rules.clean_means import Means, attention, relations, similarities
from reweigh.rules.surface import NAMES, surface
from reweigh.states import Seen


def test_surface_by_hand():
    logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    losses, labels = torch.tensor([0.5, 3.0]), torch.tensor([0, 2])
    evidence = Evidence(
        2,
        losses,
        {"y": labels},
        losses=losses,
        look_up=lambda b: b["y"],
        seen=Seen({}, logits),
        step=30,
        clean_loss=0.2,
    )
    features = surface(evidence, total_steps=120)
    p = logits.softmax(1)
    expected = {
        "loss": [math.log(1.5), math.log(4.0)],
        "loss beside the clean loss": [math.log(1.5) - math.log(1.2), math.log(4.0) - math.log(1.2)],
        "margin": [float(p[0, 0] - p[0, 1]), 0.0],
        "entropy": [float(-(p[0] * p[0].log()).sum() / math.log(3)), 1.0],
        "probability of the given label": [float(p[0, 0]), 1 / 3],
        "progress": [0.25, 0.25],
        "clean loss": [math.log(1.2)] * 2,
    }
    assert tuple(expected) == NAMES
    torch.testing.assert_close(features, torch.tensor(list(expected.values())).T)


def test_progress_without_an_end_and_before_the_first_clean_loss():
    losses = torch.ones(1)
    features = [surface(Evidence(1, losses, None, losses=losses, step=step))[0] for step in (0, 1000, 10**9)]
    assert [round(float(f[5]), 5) for f in features] == [0.0, 0.5, 1.0]
    assert float(features[0][6]) == 0.0
    assert all(bool(torch.isfinite(f).all()) for f in features)


def test_means_start_with_the_first_batch_and_then_move_slowly():
    states, labels = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]]), torch.tensor([0, 0, 2])
    means = Means.none(3, states).with_batch(states, labels)
    torch.testing.assert_close(means.rows, torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 5.0]]))
    assert means.seen.tolist() == [True, False, True]
    later = means.with_batch(torch.tensor([[12.0, 10.0]]), torch.tensor([0]))
    torch.testing.assert_close(later.rows[0], torch.tensor([3.0, 1.0]))
    torch.testing.assert_close(later.rows[2], means.rows[2])
    torch.testing.assert_close(means.rows[0], torch.tensor([2.0, 0.0]))  # evidence that holds them stays true


def test_relations_say_whether_an_example_lies_where_its_label_is():
    means = Means(torch.tensor([[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]), torch.tensor([True, True, False]))
    means = Means(torch.where(means.seen[:, None], means.rows, 0.0), means.seen)
    states = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    cosines = similarities(states, means)
    torch.testing.assert_close(cosines, torch.tensor([[1.0, -1.0, 0.0]] * 2))
    shares = attention(cosines, means, torch.tensor(2.0))
    torch.testing.assert_close(shares[0], torch.tensor([2.0, -2.0, -torch.inf]).softmax(0))
    right, wrong = relations(cosines, shares, torch.tensor([0, 1]))
    assert right[2] > 0 > wrong[2]
    torch.testing.assert_close(right[0], torch.tensor(1.0))
    torch.testing.assert_close(wrong[:2], torch.tensor([-1.0, 1.0]))
    torch.testing.assert_close(wrong[3:], torch.stack([shares[1, 1], shares[1, 0]]))


def test_nothing_seen_yet_is_no_attention():
    none = Means.none(3, torch.rand(1, 4))
    cosines = similarities(torch.rand(5, 4), none)
    assert not attention(cosines, none, torch.tensor(5.0)).any()
    assert bool(
        torch.isfinite(relations(cosines, attention(cosines, none, torch.tensor(5.0)), torch.zeros(5).long())).all()
    )
