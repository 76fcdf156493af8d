import numpy as np
import pytest

from reweigh.data.seeds import stream


def test_a_stream_repeats_and_purposes_do_not_share_one():
    first = stream(3, "noise").permutation(50)
    assert np.array_equal(first, stream(3, "noise").permutation(50))
    assert not np.array_equal(first, stream(3, "split").permutation(50))
    assert not np.array_equal(first, stream(4, "noise").permutation(50))


@pytest.mark.usefixtures("untouched_global_rng")
def test_the_global_generators_stay():
    stream(0, "noise").random(10)


@pytest.mark.parametrize("seed", [-1, 0.5, "0", None])
def test_a_seed_that_is_none_is_refused(seed, refused):
    with refused("the seed is", str(seed)):
        stream(seed, "noise")
