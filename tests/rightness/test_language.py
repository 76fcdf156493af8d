"""Whether a target's words are those of checked targets: a wrong language shows by nothing else once it is learnt."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from reweigh.rightness.pairs.language import Language
from reweigh.rightness.pairs.verify import OF_PAIRS
from reweigh.tasks.pairs_seen import pairs_seen

WORDS, OTHER, CHECKED = 100, 2000, 60
draw = np.random.default_rng(0)
SOURCES = [draw.choice(WORDS, 8, p=np.arange(1, WORDS + 1) / (WORDS * (WORDS + 1) / 2)).tolist() for _ in range(400)]
RIGHT = [[word + 1000 for word in text] for text in SOURCES]
WRONG = draw.random(400) < 0.4
WRONG[:CHECKED] = False
TARGETS = [[word + OTHER for word in s] if bad else t for s, t, bad in zip(SOURCES, RIGHT, WRONG, strict=True)]


def test_words_of_checked_targets_speak_for_a_text_and_others_against_it():
    language = Language([[1, 1, 2], [1, 3]], [[1, 1, 2], [1, 3], [9, 9, 9], [9, 8]])
    found = language([[1, 2], [9, 9], [8], [77], []], [None] * 5)
    expected = np.mean([np.log((3 + 1) / (5 * 3 / 10 + 1)), np.log((1 + 1) / (5 * 1 / 10 + 1))])
    assert found[0] == pytest.approx(expected)
    assert found[1] == pytest.approx(np.log(1 / (5 * 4 / 10 + 1)))
    assert found[1] < found[2] < found[3] == found[4] == 0  # a rare word says little, one that is nowhere nothing


def test_a_text_does_not_speak_for_itself():
    """Nor its spoilt self: else whoever is made from a checked target would look righter than what is not."""
    checked = [[1, 2], [3, 4]]
    language = Language(checked, [*checked, [5, 6], [7, 8]])
    assert language([[1, 2]], [None])[0] > 0 > language([[1, 2]], [0])[0]
    assert language([[2, 1]], [0])[0] == language([[1, 2]], [0])[0]


def learnt_both(sources, targets):
    """A student that has read both languages, and finds a word's translation into either as likely."""
    found = []
    for x, y in zip(sources, targets, strict=True):
        known = {word + 1000 for word in x} | {word + OTHER for word in x}
        costs = [(1.0 if place < len(x) and word % 1000 == x[place] else 2.0) if word in known else 6.0
                 for place, word in enumerate(y)]  # fmt: skip
        found.append(np.mean(costs) + 0.1 * np.sin(len(found)))
    return torch.tensor(found)


def test_a_language_that_the_student_has_learnt_is_told():
    checked, others = (SOURCES[:CHECKED], RIGHT[:CHECKED]), (SOURCES[CHECKED:], TARGETS[CHECKED:])
    view = pairs_seen(learnt_both, checked, others)
    assert view.given.shape == (400, 6)
    assert all(part.shape == (400, 6) for part in view.spoilt.values())
    nothing, rows = torch.zeros(400, dtype=torch.int64), torch.arange(CHECKED)
    found = OF_PAIRS.judged(view, nothing, rows, np.asarray(["all"]), kinds=tuple(view.spoilt))
    bad = WRONG[CHECKED:]
    assert roc_auc_score(~bad, found.right[CHECKED:]) > 0.99
    assert found.right[CHECKED:][~bad].mean() > 0.9 > 0.25 > found.right[CHECKED:][bad].mean()
    assert found.share == pytest.approx(1 - bad.mean(), abs=0.08)
    assert max(found.kinds, key=found.kinds.get) == "foreign"
