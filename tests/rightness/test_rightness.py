"""What is told of labels in the end: the sentence, weights, what to keep, and whether some are wrong for sure."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from reweigh.errors import BadInput
from reweigh.rightness.rightness import LabelRightness, NumberRightness, Rightness, weights_by

RIGHT = np.array([1.0, 0.9, 0.2, 0.6, 0.05])
EVIDENCE = SimpleNamespace(examples=20, needed=70, hardest="to_neighbour", auroc=0.8, margin=0.07)


def told(kind=Rightness, share=0.9, interval=(0.85, 0.95), **more):
    """Of five examples, the first of them checked."""
    nothing = np.zeros((2, 2))
    found = kind(
        right=RIGHT, each=RIGHT, at_most=RIGHT, suggested=np.array(["b"] * 5), likely=np.array([0.0, 0.9, 0.9, 0.5, 1.0]),
        kind=np.array([""] * 5), share=share, interval=interval, kinds={"random": 0.02, "to_neighbour": 0.08}, pairs=nothing,
        pair_interval=None, pair_kinds=nothing[None], class_share=np.ones(2), class_interval=None,
        classes=np.array(["a", "b"]), checked=np.array([True, False, False, False, False]), evidence=EVIDENCE,
    )  # fmt: skip
    return replace(found, **more)


def test_the_sentence_has_the_share_what_it_lies_between_and_the_main_kind():
    assert told().sentence() == "10 % of the labels look wrong (5 to 15 %), mostly to neighbour"
    even = told(kinds={"random": 0.05, "to_neighbour": 0.05})
    assert even.sentence() == "10 % of the labels look wrong (5 to 15 %)"
    assert told(NumberRightness, kinds={"exchanged": 0.1}).sentence() == "10 % of the targets look wrong (5 to 15 %)"


def test_where_nobody_can_tell_it_says_how_many_more_would():
    found = told(share=None, interval=None)
    assert found.sentence() == (
        "20 checked examples cannot tell right labels from wrong ones here (to neighbour: AUROC 0.80 ± 0.07); some 50 more "
        "would, if they are like these"
    )
    unknown = SimpleNamespace(**{**vars(EVIDENCE), "needed": None})
    assert replace(found, evidence=unknown).sentence().endswith("; features of the examples might")
    assert replace(found, checked=np.ones(5, dtype=bool)).sentence() == "all labels are checked"


def test_several_labels_count_entries_too():
    each = np.stack([RIGHT, np.ones(5)], 1)
    found = told(LabelRightness, each=each)
    assert found.sentence() == (
        "10 % of the examples look wrong in some label (5 to 15 %), and 28.1 % of all that is said of labels, mostly to "
        "neighbour"
    )


@pytest.mark.parametrize(
    ("interval", "fine", "wrong"),
    [
        ((0.96, 1.0), True, False),  # at most four in a hundred
        ((0.96, 0.99), True, False),  # some are wrong, and hardly any
        ((0.90, 1.0), False, False),  # perhaps ten in a hundred, perhaps none
        ((0.90, 0.99), False, True),
        (None, False, None),
    ],
)
def test_whether_labels_look_fine_and_whether_some_are_wrong_for_sure(interval, fine, wrong):
    found = told(share=None if interval is None else 0.97, interval=interval)
    assert (found.look_fine, found.some_wrong) == (fine, wrong)


def test_what_is_kept_is_the_likeliest_right_and_what_was_checked():
    assert told(share=0.5).keep().tolist() == [True, True, False, True, False]
    assert told().keep(0.25).tolist() == [True, True, False, False, False]
    assert told().keep(1).all()
    with pytest.raises(BadInput, match="say which share to keep"):
        told(share=None, interval=None).keep()
    for share in (0, -0.1, 1.5):
        with pytest.raises(BadInput, match="above 0 and up to 1"):
            told().keep(share)


def test_weights_have_mean_one_and_follow_the_odds():
    weights = told().weights()
    assert weights.mean() == pytest.approx(1)
    assert weights.argsort().tolist() == RIGHT.argsort().tolist()
    assert weights[2] / weights[0] == pytest.approx(1 / (1 + 4**3))  # odds of one to four, to the third power
    plain = weights_by(RIGHT, sharpness=1)
    assert plain == pytest.approx(RIGHT / RIGHT.mean())
    assert np.isfinite(weights_by(np.array([0.0, 1.0]))).all()
    for sharpness in (0, -1, float("inf"), float("nan")):
        with pytest.raises(BadInput, match="it is a positive number"):
            weights_by(RIGHT, sharpness)


def test_the_likeliest_label_is_the_given_one_unless_another_is_likelier():
    found = told().likeliest(np.array(["a"] * 5))
    assert found.labels.tolist() == ["a", "a", "b", "a", "b"]
    assert found.probability == pytest.approx([1, 0.9, 0.72, 0.6, 0.95])
    assert found.changed.tolist() == [False, False, True, False, True]


def test_of_numbers_nobody_says_how_likely_another_is():
    found = told(NumberRightness, suggested=np.arange(5.0)).likeliest(np.full(5, 9.0))
    assert found.labels.tolist() == [9.0, 9.0, 2.0, 9.0, 4.0]
    assert np.isnan(found.probability).all()


def test_of_several_labels_each_is_turned_by_itself():
    each = np.array([[1.0, 1.0], [0.9, 0.2], [0.3, 0.9], [0.4, 0.1], [0.8, 0.7]])
    given = np.array([[1, 0], [1, 1], [0, 0], [1, 0], [0, 1]])
    found = told(LabelRightness, each=each)
    likeliest = found.likeliest(given)
    assert likeliest.labels.tolist() == [[1, 0], [1, 0], [1, 0], [0, 1], [0, 1]]
    assert likeliest.changed.tolist() == [False, True, True, True, False]
    assert likeliest.probability == pytest.approx([1, 0.72, 0.63, 0.54, 0.56])
    whole = replace(found, pairs=np.array([[0.0, 1.0], [2.0, 0.0]])).finished(given)
    assert whole.kind.tolist() == ["", "too_many", "missing", "missing, too_many", ""]
    assert whole.kinds == {"missing": 1 / 8, "too_many": 2 / 8}  # of the eight entries that nobody checked
