"""The parts of a verifier: regression, shares, nearness, features, kinds, cross-fit; against slow or known answers."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from reweigh.errors import BadInput
from reweigh.metrics import auroc
from reweigh.rightness import KINDS, Verifier, View, kind
from reweigh.rightness.court import Spread
from reweigh.rightness.crossfit import CrossFit, cross_fit
from reweigh.rightness.logistic import softmax_regression
from reweigh.rightness.nearness import folds, nearness
from reweigh.rightness.own_errors import allowing
from reweigh.rightness.shares import shares_by_cell, shares_of_groups


def proportion_confint(k, n, z=1.96):
    """By the two p at which k of n is z deviations away: the roots of (k/n - p)² = z² p (1 - p) / n."""
    p = k / n
    return sorted(np.roots([1 + z**2 / n, -(2 * p + z**2 / n), p**2]).tolist())


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def test_with_two_groups_it_is_scikit_learns_logistic_regression():
    x = normal(300, 4)
    y = (x @ normal(4, 2, seed=1) + normal(300, 2, seed=2)).argmax(1)
    ours = softmax_regression(x, y, 2.0)(x).softmax(1)
    z = (x - x.mean(0)) / x.std(0)
    theirs = LogisticRegression(C=1 / 2.0, tol=1e-10, max_iter=5000).fit(z, y).predict_proba(z)
    assert torch.allclose(ours, torch.from_numpy(theirs), atol=2e-3)


def test_softmax_regression_is_at_its_minimum():
    x, y = normal(80, 3), torch.arange(80) % 3
    z = torch.cat([(x - x.mean(0)) / x.std(0), torch.ones(80, 1)], 1)
    found = softmax_regression(x, y, 1.5)(x)
    beta = torch.linalg.lstsq(z, found[:, 1:]).solution.requires_grad_()
    logits = torch.cat([torch.zeros(80, 1), z @ beta], 1)
    penalty = torch.tensor([1.5, 1.5, 1.5, 1e-3], dtype=torch.double)[:, None]
    loss = torch.nn.functional.cross_entropy(logits, y, reduction="sum") + (penalty * beta.square()).sum() / 2
    (gradient,) = torch.autograd.grad(loss, beta)
    assert gradient.abs().max() < 1e-6


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_right_labels_is_found_from_log_odds_learnt_half_and_half(share):
    right = torch.arange(20_000) < share * 20_000
    x = normal(20_000, seed=5) + torch.where(right, 1.0, -1.0)
    logits = 2 * x  # log N(x; 1) - log N(x; -1)
    assert abs(float(shares_of_groups(torch.stack([logits, 0 * logits], 1))[0]) - share) < 0.02
    by_pair = shares_by_cell(logits, (torch.zeros(20_000).long(), torch.ones(20_000).long()), (2, 2))
    assert abs(float(by_pair[0, 1]) - share) < 0.02


def test_a_pair_that_is_rarely_seen_is_near_the_common_share():
    given = torch.zeros(1001).long()
    given[-1] = 1
    logits = torch.full((1001,), 6.0, dtype=torch.double)
    logits[-1] = -6.0
    shares = shares_by_cell(logits, (given, 1 - given), (2, 2))
    assert shares[0, 1] > 0.99
    assert 0.9 < shares[1, 0] < shares[0, 1]


def test_shares_of_groups_are_found():
    truth = torch.tensor([0.6, 0.3, 0.1])
    group = torch.multinomial(truth, 20_000, replacement=True, generator=torch.Generator().manual_seed(0))
    centres = torch.tensor([-2.0, 0.0, 2.0], dtype=torch.double)
    x = normal(20_000, seed=5) + centres[group]
    logits = -((x[:, None] - centres) ** 2) / 2
    assert (shares_of_groups(logits) - truth).abs().max() < 0.02


@pytest.mark.parametrize("steep", [1.0, 30.0, 2000.0])
def test_shares_are_those_of_the_textbook_whatever_the_log_odds(steep):
    logits, cells = steep * normal(500, 3), (torch.arange(500) % 2, torch.arange(500) % 3)
    share = torch.full((3,), 1 / 3, dtype=torch.double)
    for _ in range(200):
        share = (logits + share.log()).softmax(1).mean(0).clamp_min(1e-6)
    torch.testing.assert_close(shares_of_groups(logits), share / share.sum(), rtol=0, atol=1e-5)
    found = shares_by_cell(logits[:, 0], cells, (2, 3))
    right = torch.sigmoid(logits[:, 0] + torch.logit(found[cells]))  # a fixed point: its own expectation
    means = torch.zeros(6, dtype=torch.double).index_add_(0, cells[0] * 3 + cells[1], right).view(2, 3)
    counts = torch.bincount(cells[0] * 3 + cells[1], minlength=6).view(2, 3)
    wanted = ((means + 30 * right.mean()) / (counts + 30)).clamp(0.02, 0.9995)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_nearness_leaves_a_checked_example_out_with_its_fold_of_every_class():
    x, labels = normal(12, 5), torch.tensor([0, 0, 0, 1, 1, 2])
    checked = torch.tensor([1, 3, 4, 7, 8, 11])
    fold = dict(zip(checked.tolist(), folds(labels).tolist(), strict=True))
    assert list(fold.values()) == [0, 1, 2, 0, 1, 0]
    z = (x - x.mean(0)) / x.std(0)
    expected = torch.empty(12, 3, dtype=torch.double)
    for i in range(12):
        for c in range(3):
            own = [
                z[j]
                for j, label in zip(checked.tolist(), labels.tolist(), strict=True)
                if label == c and fold[j] != fold.get(i)
            ]
            mean = torch.stack(own).mean(0) if own else z[checked].mean(0)
            expected[i, c] = -4 * ((z[i] - mean) ** 2).mean()
    assert torch.allclose(nearness(x, checked, labels, 3), expected.log_softmax(1), atol=1e-8)


def test_features_say_nothing_of_nearness_where_there_is_none():
    said = normal(6, 4).log_softmax(1)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    assert View(said).features(labels).shape == (6, 3)
    assert View(said, said).features(labels).shape == (6, 5)


def test_wrong_labels_are_never_right_ones():
    said, labels = normal(200, 5).log_softmax(1), torch.arange(200) % 5
    for name in ("at_random", "tempting"):
        wrong = KINDS[name](View(said), labels, torch.Generator().manual_seed(3))
        assert bool((wrong != labels).all())
        assert 0 <= int(wrong.min()) <= int(wrong.max()) < 5


def test_the_class_that_draws_all_is_the_one_that_the_model_gives_too_often():
    labels = torch.arange(90) % 3
    said = torch.nn.functional.one_hot(labels, 3).double()
    said[labels == 0, 2] += 0.8  # what is 0 looks like 2
    wrong = KINDS["draws_all"](View(said.log_softmax(1)), labels, torch.Generator())
    assert wrong.tolist() == [2] * 90


def test_where_a_kind_leaves_a_label_as_it_is_nothing_is_taught_and_the_others_count_as_much():
    labels = torch.arange(90) % 3
    verifier = Verifier(["draws_all", "at_random"])
    _, groups, weights = verifier.lessons(View(normal(90, 3).log_softmax(1)), labels)
    assert groups.bincount().tolist() == [270, 180, 270]
    assert bool((weights == 1).all())
    verifier.teach(
        View(torch.zeros(90, 3, dtype=torch.double)), labels
    )  # where nothing is known all groups are as likely
    asked = verifier.ask(View(torch.zeros(4, 3, dtype=torch.double)), labels[:4])
    assert asked.abs().max() < 1e-3


def test_a_kind_of_ones_own_is_taught_and_counted():
    try:

        @kind
        def always_the_next(view, labels, generator):
            return (labels + 1) % view.classes

        said, labels = (3 * torch.eye(4, dtype=torch.double)[torch.arange(80) % 4]).log_softmax(1), torch.arange(80) % 4
        verifier = Verifier(["always_the_next"])
        verifier.teach(View(said), labels)
        asked = verifier.ask(View(said), torch.cat([labels[:40], (labels[40:] + 1) % 4]))
        assert bool((asked[:40, 1] < 0).all())
        assert bool((asked[40:, 1] > 0).all())
    finally:
        KINDS.pop("always_the_next", None)


def test_a_kind_that_is_not_there_is_refused_by_name():
    with pytest.raises(BadInput, match="no kind of wrong labels 'tempted': choose from at_random, draws_all, tempting"):
        Verifier(["tempted"])
    with pytest.raises(BadInput, match="has not been taught"):
        Verifier().ask(View(normal(2, 3).log_softmax(1)), torch.zeros(2).long())


def test_auroc_is_that_of_scikit_learn_with_ties():
    high, low = normal(50).round(decimals=1) + 0.3, normal(70, seed=1).round(decimals=1)
    truth = [1] * 50 + [0] * 70
    scores = torch.cat([high, low])
    assert auroc(scores, torch.tensor(truth)) == pytest.approx(roc_auc_score(truth, scores.numpy()))


def test_cross_fit_tells_nothing_where_there_is_nothing_to_tell():
    labels = torch.arange(60) % 3
    fit = cross_fit(View(normal(60, 3).log_softmax(1)), labels, ("at_random", "tempting"), ridge=3.0)
    assert not fit.tells
    assert len(fit.reliability()) == 10


def test_cross_fit_is_calibrated_where_there_is_something_to_tell():
    labels = torch.arange(600) % 3
    said = (normal(600, 3) + 2 * torch.nn.functional.one_hot(labels, 3)).log_softmax(1)
    fit = cross_fit(View(said), labels, ("at_random",), ridge=3.0)
    assert fit.tells
    assert all(abs(tenth.said - tenth.right) < 0.15 for tenth in fit.reliability())


def test_it_is_calibrated_however_many_kinds_there_are():
    """Two wrong labels stand against each right one, and count half as much."""
    labels = torch.arange(600) % 3
    said = (normal(600, 3) + 2 * torch.nn.functional.one_hot(labels, 3)).log_softmax(1)
    fit = cross_fit(View(said), labels, ("at_random", "tempting"), ridge=3.0)
    assert len(fit.said) == len(fit.weight) == 1800
    assert float(fit.weight[fit.right].sum()) == pytest.approx(0.5)
    assert all(abs(tenth.said - tenth.right) < 0.15 for tenth in fit.reliability())
    for tenth in fit.reliability():
        assert 0 <= tenth.low <= tenth.right <= tenth.high <= 1
        assert 0.02 < tenth.high - tenth.low < 0.25


def test_the_interval_of_a_share_is_wilsons():
    fit = cross_fit(View(normal(60, 3).log_softmax(1)), torch.arange(60) % 3, ("at_random",), ridge=3.0)
    tenth = fit.reliability()[0]
    k, n = round(tenth.right * tenth.pairs), tenth.pairs
    expected = proportion_confint(k, n)
    assert (tenth.low, tenth.high) == pytest.approx(expected, abs=1e-6)


def test_with_weights_a_class_counts_as_much_as_there_are_of_it():
    """Of two classes the second cannot be told at all; where it is a hundredth, nearly everything can."""
    labels = torch.arange(80) % 2
    said = torch.where(labels == 0, 4.0, 0.0).double()
    scores = torch.stack([said, -said], 1) + 0.01 * normal(80, 2)
    view = View(scores.log_softmax(1))
    alike = cross_fit(view, labels, ("at_random",), ridge=3.0)
    by_size = cross_fit(view, labels, ("at_random",), ridge=3.0, weights=torch.tensor([990.0, 10.0])[labels])
    assert alike.auroc < 0.9
    assert by_size.auroc > 0.95
    assert by_size.margin < 0.2
    assert by_size.examples == 80


def test_checked_examples_count_as_much_as_there_are_of_their_class_where_nearness_is_known():
    labels, others = torch.tensor([0, 0, 1, 2]), torch.tensor([0] * 6 + [1])
    said = normal(4, 3).log_softmax(1)
    assert View(said, said).counts(labels, others).tolist() == [3, 3, 1, 0]
    assert View(said).counts(labels, others) is None


def test_without_weights_the_auroc_is_the_plain_one():
    labels = torch.arange(60) % 3
    view = View((torch.nn.functional.one_hot(labels, 3) + normal(60, 3)).log_softmax(1))
    found = cross_fit(view, labels, ("at_random",), ridge=3.0)
    assert found.auroc == pytest.approx(roc_auc_score(found.right.numpy(), found.said.numpy()))
    weighted = cross_fit(view, labels, ("at_random",), ridge=3.0, weights=torch.full((60,), 7.0))
    assert weighted.auroc == pytest.approx(found.auroc)


def test_labels_that_have_nothing_to_do_with_the_features_are_not_told_apart():
    """Left out of their own class alone, they were: at .95 for one of these seeds."""
    found = []
    for seed in range(8):
        generator = torch.Generator().manual_seed(seed)
        x, labels = torch.randn(24, 6, generator=generator, dtype=torch.double), torch.arange(24) % 2
        view = View(torch.zeros(24, 2, dtype=torch.double).log_softmax(1), nearness(x, torch.arange(24), labels, 2))
        found.append(cross_fit(view, labels, ["at_random"], ridge=3.0, seed=seed))
    assert not any(one.tells for one in found)
    assert sum(one.ranks for one in found) <= 2
    assert abs(sum(one.auroc for one in found) / 8 - 0.5) < 0.15


def test_how_many_too_many_are_told_is_seen_of_held_out_pairs():
    said = torch.tensor([2.0, -1.0, -3.0, 1.0], dtype=torch.double)
    right, row = torch.tensor([True, True, False, False]), torch.tensor([0, 1, 1, 0])
    ones = torch.ones(4, dtype=torch.double)
    found = CrossFit(0.9, 0.1, "a", {"a": 0.9}, said, right, ones / 4, row, ones, 2, 0.85)
    many, error = found.too_many(torch.tensor([0.7], dtype=torch.double))
    p = torch.sigmoid(said + math.log(0.7 / 0.3))
    alarms, missed = float(2 - p[0] - p[1]) / 2, float(p[2] + p[3]) / 2
    assert float(many) == pytest.approx(0.7 * alarms - 0.3 * missed)
    wide = (0.7**2 * alarms * (1 - alarms) + 0.3**2 * missed * (1 - missed)) / 2
    assert float(error) == pytest.approx(math.sqrt(wide))
    by_row, _ = found.too_many(torch.tensor([0.5, 0.5], dtype=torch.double))
    p = torch.sigmoid(said)
    assert by_row.tolist() == pytest.approx([float(1 - p[0] - p[3]) / 2, float(1 - p[1] - p[2]) / 2])


def test_of_a_verifier_that_is_as_often_right_as_it_says_nothing_is_too_many():
    generator = torch.Generator().manual_seed(0)
    said = 2 * torch.randn(20_000, generator=generator, dtype=torch.double)
    right = torch.rand(len(said), generator=generator) < torch.sigmoid(said)
    weight = torch.where(right, 0.5 / right.sum(), 0.5 / (~right).sum()).double()
    ones, row = torch.ones_like(said), torch.zeros(len(said), dtype=torch.int64)
    found = CrossFit(0.9, 0.1, "a", {"a": 0.9}, said, right, weight, row, ones, len(said), 0.85)
    for share in (0.5, 0.8, 0.95):
        many, _ = found.too_many(torch.tensor([share], dtype=torch.double))
        assert abs(float(many)) < 0.01


def test_the_ends_move_outwards_by_those_errors():
    spread = Spread(
        torch.tensor([0.8, 0.9], dtype=torch.double),
        torch.tensor([[0.7, 1.0], [0.8, 1.0]], dtype=torch.double),
        torch.tensor([[[2.0, 2.0], [0.0, 0.0]], [[4.0, 4.0], [0.0, 0.0]]], dtype=torch.double),
        torch.ones(2, 3, dtype=torch.double),
        torch.ones(3, dtype=torch.double),
    )
    ones, rows = torch.ones(2, dtype=torch.double), torch.tensor([0, 1])
    sure = CrossFit(
        1, 0, "a", {"a": 1.0}, 30 * torch.tensor([1.0, -1.0]).double(), rows == 0, ones / 2, rows, ones, 2, 0.85
    )
    same = allowing(sure, spread, 0.85, torch.tensor([0.75, 1.0], dtype=torch.double), 1)
    assert torch.allclose(same.share, spread.share, atol=1e-6)
    assert torch.allclose(same.table, spread.table, atol=1e-5)
    doubtful = CrossFit(
        1, 0, "a", {"a": 1.0}, torch.tensor([0.0, 0.0]).double(), rows == 0, ones / 2, rows, ones, 2, 0.85
    )
    wider = allowing(doubtful, spread, 0.85, torch.tensor([0.75, 1.0], dtype=torch.double), 1)
    assert wider.share[0] < spread.share[0] < spread.share[1] < wider.share[1] <= 1
    assert float(wider.table[0].sum()) <= float(spread.table[0].sum())
