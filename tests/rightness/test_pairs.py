"""Sentence pairs of a made language, and a student that knows its words and a little of their order."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from reweigh.errors import BadInput
from reweigh.rightness.pairs import PAIR_KINDS, pair_features, pair_kind, spoil, verify_pairs
from reweigh.rightness.pairs.verify import PairsView

N, CHECKED, WORDS, AWAY = 600, 80, 300, 1000


def corpus(kinds, seed=0):
    """Sources, targets (each word's own translation, in order), and what was done to them; the first ones are right."""
    g = np.random.default_rng(seed)
    sources = [list(g.choice(WORDS, g.integers(5, 12), replace=False)) for _ in range(N)]
    targets = [[word + AWAY for word in source] for source in sources]
    for target in targets:  # people translate freely
        for i in range(len(target)):
            if g.random() < 0.1:
                target[i] = AWAY + int(g.integers(WORDS))
    done = g.choice(["right", *kinds], N, p=[0.6, *[0.4 / len(kinds)] * len(kinds)])
    done[:CHECKED] = "right"
    spoilt = {kind: spoil(sources, targets, kind, seed) for kind in kinds}
    return sources, [spoilt[k][i] if k in spoilt else targets[i] for i, k in enumerate(done)], done


def loss(sources, targets):
    """A word that translates one of the source costs little, less in the place where it belongs; a copied word nothing."""
    g, found = np.random.default_rng(len(sources)), []
    for source, target in zip(sources, targets, strict=True):
        costs = []
        for place, word in enumerate(target):
            if word in source:
                costs.append(0.2)
            elif word - AWAY in source:
                costs.append(1.0 if abs(source.index(word - AWAY) - place) < 2 else 5.0)
            else:
                costs.append(6.0 if word >= AWAY else 9.0)  # a word of the other language
        found.append(np.mean(costs) + g.normal(0, 0.1))
    return torch.tensor(found)


def judged(kinds, taught=tuple(PAIR_KINDS)):
    sources, targets, done = corpus(kinds)
    good, right = sources[:CHECKED], targets[:CHECKED]
    told = pair_features(loss, sources, targets)
    wrong = {kind: pair_features(loss, good, spoil(good, right, kind, 7), among=sources) for kind in taught}
    return done, verify_pairs(told, np.arange(CHECKED), wrong)


@pytest.mark.parametrize("kind", ["exchanged", "copied", "shuffled", "cut", "foreign"])
def test_the_share_and_the_kind_of_wrong_pairs_are_told(kind):
    done, found = judged([kind])
    open_ = ~found.checked
    right = (done == "right")[open_]
    assert roc_auc_score(right, found.right[open_]) > 0.95
    assert abs(found.share - right.mean()) < 0.06
    assert max(found.kinds, key=found.kinds.get) == kind
    assert found.kinds[kind] > 0.3
    assert f"mostly {kind}" in found.sentence()
    assert "of the pairs look wrong" in found.sentence()


def test_two_kinds_at_once_are_told_apart():
    done, found = judged(["exchanged", "copied"])
    for kind in ("exchanged", "copied"):
        assert abs(found.kinds[kind] - (done[CHECKED:] == kind).mean()) < 0.07
        mine = (done == kind) & (found.right < 0.5)
        assert (found.kind[mine] == kind).mean() > 0.8
    assert found.kinds["shuffled"] + found.kinds["cut"] < 0.05


def test_taught_by_one_kind_alone_another_is_taken_for_right():
    """Why kinds matter: a copy needs its source more than a translation does."""
    done, found = judged(["copied"], taught=("exchanged",))
    right = (done == "right")[CHECKED:]
    assert roc_auc_score(right, found.right[CHECKED:]) < 0.9
    assert found.share > 0.9


def test_nothing_is_suggested_and_weights_follow():
    done, found = judged(["exchanged"])
    given = np.zeros(N, dtype=int)
    best = found.likeliest(given)
    assert best.labels is given
    assert np.array_equal(best.changed, found.right < 0.5)
    weights = found.weights()
    assert weights[done != "right"].mean() < 0.15 * weights[done == "right"].mean()


def test_features_are_what_they_are_called():
    sources, targets = [[1, 2, 3, 4], [5, 6]], [[1, 9], [7, 6]]
    found = pair_features(lambda x, y: [float(one[0]) for one in x], sources, targets)
    assert found[:, 1].tolist() == [1, 5]
    root = torch.tensor(2.0).double().sqrt()
    torch.testing.assert_close(
        found[:, 0], torch.tensor([4.0, -4.0]).double() * root
    )  # the other's loss less one's own
    assert found[:, 2].tolist() == [0.5, 0.5]
    assert found[:, 3].tolist() == [0.5, 1]
    assert found[:, 4].tolist() == [0, 0]  # this student does not look at targets


def test_the_order_is_held_against_others_of_whole_words():
    """The student likes numbers that go up; a word is all tokens up to a hundred's beginning."""
    asked = []

    def falls(sources, targets):
        asked.append(targets)
        return [sum(b < a for a, b in itertools.pairwise(y)) / len(y) for y in targets]

    def words(target):
        return [(token, token + 1) for token in target[::2]]

    up, down = [10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61], [60, 61, 50, 51, 40, 41, 30, 31, 20, 21, 10, 11]
    found = pair_features(falls, [[1], [2]], [up, down], words=words)
    assert found[0, 4] > 0 > found[1, 4]
    moved = asked[-1][0]
    assert sorted(moved) == up != moved
    assert [token + 1 for token in moved[::2]] == moved[1::2]
    alone = pair_features(falls, [[1]], [[10, 11]], words=words)
    assert alone[0, 4] == 0  # of one word there is no other order


def test_every_kind_is_wrong_and_a_kind_of_ones_own_is_known():
    sources, targets = [[1, 2, 3, 4, 5, 6]] * 2, [[11, 12, 13, 14, 15, 16], [21, 22, 23, 24, 25, 26]]
    assert spoil(sources, targets, "exchanged") == targets[::-1]
    assert spoil(sources, targets, "copied") == sources
    assert [sorted(one) for one in spoil(sources, targets, "shuffled")] == targets
    assert spoil(sources, targets, "shuffled") != targets
    assert spoil(sources, targets, "cut") == [[11, 12, 13], [21, 22, 23]]
    made = spoil(sources, targets, "foreign")
    assert [len(one) for one in made] == [6, 6]
    assert set(made[0]) <= {*sources[0], *targets[0], *targets[1]}
    assert made != spoil(sources, targets, "foreign", 1)
    try:

        @pair_kind
        def backwards(sources, targets, generator):
            return [one[::-1] for one in targets]

        assert spoil(sources, targets, "backwards")[0] == [16, 15, 14, 13, 12, 11]
    finally:
        PAIR_KINDS.pop("backwards")


def test_what_does_not_fit_gets_one_sentence():
    with pytest.raises(BadInput, match=r"no kind of wrong pairs .copy.: choose from exchanged, .*, cut, foreign"):
        spoil([[1]], [[2]], "copy")
    with pytest.raises(BadInput, match="1 sources and 2 targets"):
        spoil([[1]], [[2], [3]], "copied")
    x, wrong = np.random.default_rng(0).normal(size=(20, 3)), {"cut": np.zeros((5, 3))}
    with pytest.raises(BadInput, match="in one way at least"):
        verify_pairs(x, np.arange(5), {})
    with pytest.raises(BadInput, match="features have shape"):
        verify_pairs(x, np.arange(6), wrong)
    with pytest.raises(BadInput, match="the cut pairs have other features than the 3"):
        verify_pairs(x, np.arange(5), {"cut": np.zeros((5, 2))})
    with pytest.raises(BadInput, match="use verify_pairs"):
        PairsView.seen(*[torch.zeros(1)] * 4)
