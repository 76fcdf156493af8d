"""The global generators: kept whatever is drawn, and seeds that do not resemble each other."""

import random

import numpy as np
import pytest
import torch

from reweigh import rng


def drawn():
    return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()


def test_kept_restores_all_three_generators():
    rng_state = torch.get_rng_state()
    expected = drawn()
    torch.set_rng_state(rng_state)
    np.random.seed(3)
    random.seed(4)
    expected = drawn()
    torch.set_rng_state(rng_state)
    np.random.seed(3)
    random.seed(4)
    with rng.kept({torch.device("cpu")}):
        drawn()
        rng.seed(11)
        drawn()
    assert drawn() == expected


def test_kept_restores_after_an_error():
    expected = torch.get_rng_state()
    np_state, py_state = np.random.get_state()[1].copy(), random.getstate()
    with pytest.raises(ZeroDivisionError), rng.kept():
        drawn()[2] / 0
    assert torch.equal(torch.get_rng_state(), expected)
    assert np.array_equal(np.random.get_state()[1], np_state)
    assert random.getstate() == py_state


def test_seed_starts_all_three_from_one_number():
    with rng.kept():
        rng.seed(2**61 + 5)
        first = drawn()
        other = drawn()
        rng.seed(2**61 + 5)
        assert drawn() == first
        assert all(a != b for a, b in zip(first, other, strict=True))
        rng.seed(2**61 + 6)
        assert all(a != b for a, b in zip(first, drawn(), strict=True))


def test_mixed_seeds_are_all_different_and_in_range():
    seeds = {rng.mixed(a, b) for a in range(40) for b in range(40)}
    assert len(seeds) == 1600
    assert all(0 <= s < 2**62 for s in seeds)
    assert rng.mixed(1, 2) == rng.mixed(1, 2)
    assert rng.mixed(1) != rng.mixed(1, 1)
    assert min(abs(rng.mixed(0, e) - rng.mixed(0, e + 1)) for e in range(20)) > 2**40


def same(one, other):
    return one[0] == other[0] and np.array_equal(one[1], other[1]) and one[2:] == other[2:]


@pytest.mark.parametrize("before", [0, 1, 2, 3])
@pytest.mark.parametrize("within", [0, 1, 2, 3])
@pytest.mark.parametrize("draw", [np.random.randn, np.random.rand, lambda: np.random.randint(9)])
def test_numpys_generator_is_put_back_with_the_normal_number_that_waits(before, within, draw):
    np.random.seed(5)
    for _ in range(before):
        np.random.randn()
    for _ in range(3):
        found = np.random.get_state()
        with rng.kept():
            for _ in range(within):
                draw()
        assert same(np.random.get_state(), found)
        draw()


def test_numpys_generator_is_put_back_when_the_block_seeds_it():
    np.random.seed(5)
    for _ in range(3):
        found = np.random.get_state()
        with rng.kept():
            np.random.seed(5)
            np.random.randn()
        assert same(np.random.get_state(), found)
        np.random.rand()


def test_another_bit_generator_of_numpys_is_put_back():
    own = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(np.random.PCG64(3))
        expected = np.random.get_state(legacy=False)
        with rng.kept():
            np.random.randn(7)
        assert np.random.get_state(legacy=False) == expected
    finally:
        np.random.set_bit_generator(own)


def test_a_generator_that_was_exchanged_within_the_block_is_set_all_the_same():
    own = np.random.get_bit_generator()
    found = np.random.get_state()
    try:
        with rng.kept():
            np.random.set_bit_generator(np.random.MT19937(3))
        assert same(np.random.get_state(), found)
    finally:
        np.random.set_bit_generator(own)
