"""The made-up languages of the recipe: fluent, translated word by word; and what the contrast finds in them."""

import pytest
import torch

import translation_directions as recipe
from translation_directions import FIRST, PAD, WORDS


def test_each_word_has_three_followers_and_one_translation():
    source, target = recipe.pairs(2000, torch.Generator().manual_seed(1))
    assert torch.equal((source != PAD).sum(1), (target != PAD).sum(1))
    swapped = target.view(len(target), -1, 2).flip(2).flatten(1)
    there = (source != PAD) & (swapped != PAD)
    translations = {(int(one), int(other)) for one, other in zip(source[there], swapped[there], strict=True)}
    assert len(translations) == len({one for one, _ in translations}) == WORDS
    both = (source[:, :-1] != PAD) & (source[:, 1:] != PAD)
    followers = {(int(a), int(b)) for a, b in zip(source[:, :-1][both], source[:, 1:][both], strict=True)}
    assert len(followers) == 3 * WORDS
    assert int(source.max()) < FIRST + WORDS <= int(target[target != PAD].min())


def test_a_short_run_of_each_kind_gives_numbers():
    share, rank = recipe.run("smoothed, body, contrast", 0, 4)
    assert 0 <= share <= 1
    assert rank is not None
    assert 0 <= rank <= 1
    assert recipe.run("plain training", 0, 2)[1] is None


@pytest.mark.slow
def test_the_contrast_ranks_better():
    _, contrastive = recipe.run("smoothed, body, contrast", 0, 300)
    _, plain = recipe.run("L2RW", 0, 300)
    assert contrastive > 0.95
    assert contrastive > plain
