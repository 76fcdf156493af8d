"""The rows of the recipe's table that matter most, on data that ship with scikit-learn: within their spread."""

import pytest
import torch

import right_and_helpful as recipe


def a_run(name, noise, share, rule, seed=0, steps=500):
    made = recipe.task(name, noise, share, seed)
    return made, recipe.run(made, recipe.RULES[rule](made, seed), seed, steps)


def share_of_right(made):
    unchecked = torch.ones(len(made.x), dtype=torch.bool)
    unchecked[made.checked] = False
    return float((~made.wrong[unchecked]).double().mean())


def test_checked_labels_are_right_and_the_share_of_wrong_ones_is_that_asked_for():
    made = recipe.task("rare", "uniform", 0.1, 0)
    assert not made.wrong[made.checked].any()
    assert abs(share_of_right(made) - 0.925) < 0.02
    assert made.given[made.checked].bincount().tolist() == [10] * 4
    assert torch.equal(made.given[~made.wrong], recipe.task("rare", "uniform", 0.0, 0).given[~made.wrong])


@pytest.mark.slow
def test_with_rare_classes_the_verifier_ranks_and_counts_where_the_mean_weight_is_a_coin():
    made, found = a_run("rare", "uniform", 0.1, "verifier", steps=recipe.STEPS)
    assert found.auroc > 0.95
    assert abs(found.share - share_of_right(made)) < 0.08
    _, l2rw = a_run("rare", "uniform", 0.1, "L2RW")
    assert l2rw.auroc < 0.75


def test_of_clean_digits_nothing_is_lost_and_all_is_said_to_be_right():
    _, found = a_run("digits", "uniform", 0.0, "verifier")
    assert found.share > 0.97
    assert found.score > 93


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), [("digits", 0.0), ("rare", 0.0), ("rare", 0.1)])
def test_on_clean_or_rare_data_the_verifier_never_loses_to_plain_training(name, share):
    scores = {
        rule: [a_run(name, "uniform", share, rule, seed, recipe.STEPS)[1].score for seed in range(3)]
        for rule in ("plain", "verifier")
    }
    gain = [ours - plain for ours, plain in zip(scores["verifier"], scores["plain"], strict=True)]
    spread = torch.tensor(gain).std() / 3**0.5
    assert recipe.mean(gain) > -0.3 - float(spread)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "points"), [("pair", 15), ("one class", 15), ("uniform", 3)])
def test_with_two_in_five_labels_wrong_it_wins_over_plain_training(noise, points):
    made, found = a_run("digits", noise, 0.4, "by pair", steps=recipe.STEPS)
    _, plain = a_run("digits", noise, 0.4, "plain", steps=recipe.STEPS)
    assert found.score > plain.score + points
    assert found.auroc > 0.95
    assert abs(found.share - share_of_right(made)) < 0.12
