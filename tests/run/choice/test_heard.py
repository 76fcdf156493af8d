"""What held-back examples say: the weight of each, whose score it is, and what is left out where nobody can judge."""

import math

import pytest
import torch
from sklearn.metrics import f1_score

from reweigh.run.choice.candidates import Way
from reweigh.run.choice.heard import NOTHING, Heard, Held, beside
from reweigh.tasks import Classification, Regression

TASK = Classification(("a", "b", "c"))
SAFE, OTHER = Way("judged"), Way("l2rw", 75)


def says(labels):
    """Outputs of a model that is sure of these."""
    return 5.0 * torch.nn.functional.one_hot(torch.as_tensor(labels), 3).float()


def drawn(count, accuracy, y, seed):
    draw = torch.Generator().manual_seed(seed)
    return torch.where(torch.rand(count, generator=draw) < accuracy, y, (y + 1) % 3)


def scene(seed=0):
    """300 given labels, of which nine in ten are right, and thirty checked ones."""
    draw = torch.Generator().manual_seed(seed)
    given, checked = torch.randint(3, (300,), generator=draw), torch.arange(3).repeat(10)
    right = 0.8 + 0.2 * torch.rand(300, generator=draw, dtype=torch.double)
    ways = {
        way: Heard(says(drawn(300, accuracy, given, 10 + seed)), says(drawn(30, accuracy, checked, 20 + seed)))
        for way, accuracy in ((SAFE, 0.6), (OTHER, 0.9))
    }
    return Held(given, checked, right), ways


def test_scores_are_macro_f1_with_each_label_s_weight():
    held, ways = scene()
    found = beside(TASK, ways, held, SAFE, seed=0)
    shares = torch.zeros(3, dtype=torch.double).index_add_(0, held.given, held.right)
    for way, heard in ways.items():
        given = f1_score(held.given, heard.given.argmax(1), sample_weight=held.right, average="macro")
        stands_for = (shares / 10)[held.checked]  # each for as many as its class has
        checked = f1_score(held.checked, heard.checked.argmax(1), sample_weight=stands_for, average="macro")
        assert found[way].given == pytest.approx(given)
        assert found[way].checked == pytest.approx(checked)
    assert found[OTHER].gain > 0.2
    assert found[OTHER].error > 0
    assert (found[SAFE].gain, found[SAFE].error) == (0.0, 0.0)


def test_a_class_that_is_rare_counts_for_what_it_has():
    """All checked ones of a class that nobody was called are wrong: they stand for nobody."""
    held, ways = scene()
    held = held._replace(given=held.given % 2)
    checked = says(torch.where(held.checked == 2, 0, held.checked))
    found = beside(TASK, {SAFE: Heard(ways[SAFE].given, checked)}, held, SAFE, seed=0)
    assert found[SAFE].checked == pytest.approx(2 / 3)  # two classes without a mistake, and one without a hit


def test_where_nobody_says_what_is_right_the_checked_ones_speak_alone():
    held, ways = scene()
    found = beside(TASK, ways, held._replace(right=None), SAFE, seed=0)
    assert math.isnan(found[OTHER].given)
    assert found[OTHER].checked == pytest.approx(f1_score(held.checked, ways[OTHER].checked.argmax(1), average="macro"))


def test_numbers_are_compared_by_their_own_score():
    task, y = Regression(("price",)), torch.linspace(-1, 1, 30)
    near, far = (Heard(torch.zeros(5, 1), (y + off * y.flip(0).sign())[:, None]) for off in (0.05, 0.4))
    held = Held(torch.zeros(5), y, None)
    found = beside(task, {SAFE: far, OTHER: near}, held, SAFE, seed=0)
    assert found[OTHER].checked == pytest.approx(task.scores(near.checked, y)["test_r2"], rel=1e-5)
    assert found[OTHER].gain > 0
    assert math.isnan(found[OTHER].given)


def test_doubt_makes_what_given_labels_say_count_less():
    """Were only a fifth of the verifier's odds borne out by real mistakes, the same labels would leave more open."""
    held, ways = scene()
    errors = [
        beside(TASK, ways, held._replace(borne_out=share), SAFE, seed=0)[OTHER].error for share in (1.0, 0.5, 0.2)
    ]
    assert errors == sorted(errors)
    assert errors[2] > 1.2 * errors[0]


def test_the_same_seed_says_the_same_and_the_scores_are_no_matter_of_it():
    held, ways = scene()
    one, again, other = (beside(TASK, ways, held, SAFE, seed=seed)[OTHER] for seed in (0, 0, 1))
    assert one == again
    assert (one.checked, one.given) == (other.checked, other.given)
    assert one.error != other.error


def test_parts_that_were_heard_one_after_another_are_one():
    _, ways = scene()
    heard = ways[SAFE]
    parts = NOTHING + Heard(heard.given[:100], heard.checked[:7]) + Heard(heard.given[100:], heard.checked[7:])
    assert torch.equal(parts.given, heard.given)
    assert torch.equal(parts.checked, heard.checked)


def test_some_of_what_there_is_to_hold_back():
    held, _ = scene()
    held = held._replace(borne_out=0.4)
    rows, places = torch.tensor([3, 1, 200]), torch.tensor([29, 0])
    some = held.select(rows, places)
    assert torch.equal(some.given, held.given[rows])
    assert torch.equal(some.right, held.right[rows])
    assert torch.equal(some.checked, held.checked[places])
    assert some.borne_out == 0.4
    assert held._replace(right=None).select(rows, places).right is None
