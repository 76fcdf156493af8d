import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data import noise
from reweigh.data.noise import KINDS, Corruption, transition

N, C = 20_000, 10
LABELS = torch.arange(N) % C


def near(count: int, expected: float, of: int) -> bool:
    """Within five standard deviations of a binomial count."""
    share = expected / of
    return abs(count - expected) <= 5 * math.sqrt(of * share * (1 - share)) + 1e-9


def targets(result: Corruption) -> torch.Tensor:
    return result.labels[result.chosen].bincount(minlength=C)


def test_uniform_flips_each_label_with_the_rate_to_any_other_class():
    result = noise.uniform(LABELS, C, 0.4, seed=1)
    assert near(int(result.mask.sum()), 0.4 * N, N)
    assert torch.equal(result.mask, result.chosen)
    offsets = ((result.labels - LABELS) % C)[result.mask].bincount(minlength=C)
    assert offsets[0] == 0
    assert all(near(int(count), int(result.mask.sum()) / 9, int(result.mask.sum())) for count in offsets[1:])


def test_uniform_draws_its_share_and_does_not_fix_it():
    counts = {int(noise.uniform(LABELS, C, 0.4, seed).mask.sum()) for seed in range(5)}
    assert len(counts) > 1


def test_uniform_released_never_targets_the_last_class_and_may_keep_a_label():
    result = noise.uniform_released(LABELS, C, 0.4, seed=1)
    assert int(result.chosen.sum()) == int(0.4 * N)
    counts = targets(result)
    assert counts[C - 1] == 0
    assert all(near(int(count), 0.4 * N / 9, int(0.4 * N)) for count in counts[:-1])
    # Nine tenths of the chosen are not of the last class, and keep their label one time in nine.
    assert near(int(result.mask.sum()), 0.36 * N, int(0.4 * N))


def test_symmetric_changes_exactly_its_share():
    odd = LABELS[:9_999]
    result = noise.symmetric(odd, C, 0.4, seed=1)
    assert int(result.mask.sum()) == round(0.4 * 9_999) == int(result.chosen.sum())
    counts = ((result.labels - odd) % C)[result.mask].bincount(minlength=C)
    assert counts[0] == 0
    assert all(near(int(count), 4_000 / 9, 4_000) for count in counts[1:])


def test_uniform_inclusive_is_the_matrix_with_p_over_c_everywhere():
    result = noise.uniform_inclusive(LABELS, C, 0.4, seed=1)
    assert near(int(result.chosen.sum()), 0.4 * N, N)
    assert near(int(result.mask.sum()), 0.4 * (1 - 1 / C) * N, N)
    chosen = int(result.chosen.sum())
    assert all(near(int(count), chosen / C, chosen) for count in targets(result))


def test_background_gives_exactly_its_share_of_all_examples_one_class():
    result = noise.background(LABELS, C, 0.4, seed=1)
    assert int(result.chosen.sum()) == int(0.4 * N)
    assert (targets(result) > 0).sum() == 1
    target = int(result.labels[result.chosen][0])
    assert torch.equal(result.mask, result.chosen & (target != LABELS))
    assert near(int((result.chosen & (target == LABELS)).sum()), 0.4 * N / C, int(0.4 * N))


def test_background_takes_the_class_given_and_else_draws_any():
    assert set(noise.background(LABELS, C, 0.3, 0, to=7).labels[LABELS != 7].tolist()) == set(range(10))
    assert targets(noise.background(LABELS, C, 0.3, 0, to=7)).argmax() == 7
    drawn = {int(targets(noise.background(LABELS[:100], C, 0.4, seed)).argmax()) for seed in range(80)}
    assert drawn == set(range(C))


def test_pair_moves_the_exact_share_of_each_class_to_the_next():
    labels = torch.tensor([0] * 50 + [1] * 31 + [2] * 10)
    result = noise.pair(labels, 3, 0.3, seed=2)
    assert result.mask.sum() == 15 + 9 + 3
    for label, count in enumerate((15, 9, 3)):
        moved = result.labels[(labels == label) & result.mask]
        assert moved.tolist() == [(label + 1) % 3] * count


def test_a_transition_matrix_is_followed_row_by_row():
    matrix = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]], dtype=torch.float64)
    labels = torch.arange(30_000) % 3
    result = transition(labels, matrix, seed=5)
    for label in range(3):
        counts = result.labels[labels == label].bincount(minlength=3).tolist()
        assert all(near(count, 10_000 * float(matrix[label, k]), 10_000) for k, count in enumerate(counts))
    assert torch.equal(result.mask, result.labels != labels)


def test_a_class_of_chance_zero_is_never_drawn_even_where_rounding_leaves_a_gap():
    row = [1 / 3, 1 / 3, 1 / 3 - 9e-6, 0.0]  # sums to a little less than one, and ends on a zero
    result = transition(torch.zeros(2_000_000, dtype=torch.int64), [row] * 4, seed=0)
    assert int(result.labels.max()) == 2


@pytest.mark.parametrize("kind", KINDS)
@given(
    labels=st.lists(st.integers(0, 4), max_size=60),
    rate=st.floats(0, 1),
    seed=st.integers(0, 2**40),
)
def test_every_kind_is_pure_and_marks_what_it_changed(kind, labels, rate, seed):
    given_labels = torch.tensor(labels, dtype=torch.int64)
    kept, state = given_labels.clone(), torch.random.get_rng_state()
    once, again = (KINDS[kind](given_labels, 5, rate, seed) for _ in range(2))
    assert torch.equal(given_labels, kept)
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(once.labels, again.labels)
    assert torch.equal(once.chosen, again.chosen)
    assert torch.equal(once.mask, once.labels != given_labels)
    assert not (once.mask & ~once.chosen).any()
    assert once.labels.dtype == torch.int64
    assert not once.labels.numel() or 0 <= int(once.labels.min()) <= int(once.labels.max()) < 5


@pytest.mark.usefixtures("untouched_global_rng")
@pytest.mark.parametrize("kind", KINDS)
def test_seeds_differ_and_a_higher_rate_corrupts_the_same_and_more(kind):
    low, high, other = (KINDS[kind](LABELS, C, rate, seed) for rate, seed in ((0.2, 3), (0.5, 3), (0.2, 4)))
    assert not torch.equal(low.chosen, other.chosen)
    assert not (low.chosen & ~high.chosen).any()
    assert torch.equal(low.labels[low.chosen], high.labels[low.chosen])


@pytest.mark.parametrize("kind", KINDS)
def test_a_rate_of_zero_changes_nothing(kind):
    result = KINDS[kind](LABELS, C, 0.0, 0)
    assert torch.equal(result.labels, LABELS)
    assert not result.mask.any()
    assert not result.chosen.any()


def test_the_labels_that_come_back_are_not_the_callers_memory():
    result = noise.symmetric(LABELS, C, 0.0, 0)
    assert result.labels.data_ptr() != LABELS.data_ptr()


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan"), float("inf")])
def test_a_rate_that_is_no_share_is_refused(rate, refused):
    with refused("the rate of pair noise", str(rate)):
        noise.pair(LABELS, C, rate, 0)


@pytest.mark.parametrize(
    ("labels", "classes", "fragments"),
    [
        (torch.tensor([0, 1, 5]), 5, ("label 5", "row 2", "0..4")),
        (torch.tensor([0.0, 1.0]), 5, ("labels", "float32")),
        (torch.tensor([[0], [1]]), 5, ("labels", "(2, 1)")),
        (torch.tensor([0, 0]), 1, ("number of classes is 1",)),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels, classes, fragments, refused):
    with refused(*fragments):
        noise.uniform(labels, classes, 0.2, 0)


@pytest.mark.parametrize("to", [10, -1])
def test_a_background_class_that_is_not_there_is_refused(to, refused):
    with refused("background class", str(to)):
        noise.background(LABELS, C, 0.2, 0, to=to)


@pytest.mark.parametrize(
    ("matrix", "fragments"),
    [
        ([[0.5, 0.5]], ("shape (1, 2)",)),
        ([0.5, 0.5], ("shape (2,)",)),
        ([[1.0]], ("shape (1, 1)",)),
        ([[1.0, 0.0], [0.2, 0.7]], ("row 1", "0.9")),
        ([[1.2, -0.2], [0.0, 1.0]], ("-0.2", "row 0, column 1")),
        ([[1.0, 0.0], [float("nan"), 1.0]], ("nan", "row 1, column 0")),
        (np.array([["a", "b"], ["c", "d"]]), ("real numbers",)),
    ],
)
def test_a_matrix_that_is_not_row_stochastic_is_refused(matrix, fragments, refused):
    with refused("transition matrix", *fragments):
        transition(torch.tensor([0, 1]), matrix, 0)
