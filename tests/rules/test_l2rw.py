"""Equations 8 and 9 of Ren et al. 2018, by hand."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.rules import L2RW, Evidence


def weights(along):
    along = torch.tensor(along) if isinstance(along, list) else along
    return L2RW().weigh(Evidence(len(along), along, None, alignments=along))


def test_rectified_and_summing_to_one():
    assert weights([3.0, -2.0, 1.0, 0.0]).tolist() == [0.75, 0.0, 0.25, 0.0]


@pytest.mark.parametrize("along", [[-1.0, -2.0, -1e-30], [0.0, 0.0]])
def test_all_zero_where_none_is_positive(along):
    assert weights(along).tolist() == [0.0] * len(along)


def test_a_single_positive_one_takes_all_however_small():
    assert weights([-5.0, 1e-30, -1.0]).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("unit", [1e-20, 1e3, 1e20])
def test_the_unit_drops_out(unit):
    along = torch.tensor([0.3, -0.1, 0.2, 1.7])
    torch.testing.assert_close(weights(unit * along), weights(along))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_weights_have_the_dtype_of_the_alignments(dtype):
    assert weights(torch.tensor([1.0, 3.0], dtype=dtype)).dtype == dtype


def test_needs_alignments_and_says_so():
    assert L2RW.needs == {"alignments"}
    assert L2RW.name == "l2rw"
    losses = torch.ones(2)
    with pytest.raises(BadInput, match="'alignments'"):
        L2RW().weigh(Evidence(2, losses, None, losses=losses))


def test_keeps_nothing_and_draws_plainly():
    assert L2RW().state_dict() == {}
    assert L2RW().sampling_weights(torch.arange(4)) is None
    assert repr(L2RW()) == "L2RW()"
