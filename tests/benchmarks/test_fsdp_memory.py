"""The smallest shape, measured."""

import pytest
from benchmarks.fsdp_memory import HOW, SMALL, peak
from benchmarks.memory import measurable


@pytest.mark.slow
@pytest.mark.skipif(not measurable(), reason="this machine does not say how large a process has been")
def test_every_way_is_measured():
    for how in HOW:
        assert peak(2, SMALL, how) > 0
