"""LayerNorm's second derivative in closed form against PyTorch's and against finite differences."""

import pytest
import torch.nn.functional as F

from reweigh.alignment.double_backward.layer_norm import layer_norm
from second_derivatives import assert_exact, drawn

SHAPES = {
    "vectors": ((6, 5), (5,)),
    "sequences": ((3, 4, 5), (5,)),
    "maps": ((3, 4, 2), (4, 2)),
    "one row": ((7,), (7,)),
}


@pytest.mark.parametrize(("shape", "normalised"), SHAPES.values(), ids=SHAPES)
def test_as_pytorch_and_as_finite_differences(shape, normalised):
    inputs = drawn(shape, normalised, normalised)

    def ours(x, w, b):
        return layer_norm(F.layer_norm, x, normalised, w, b, 1e-3)

    def theirs(x, w, b):
        return F.layer_norm(x, normalised, w, b, 1e-3)

    assert_exact(ours, theirs, inputs)


def test_without_a_weight_it_is_left_to_pytorch():
    (x,) = drawn((3, 4))
    assert layer_norm(F.layer_norm, x, (4,)).grad_fn.name() == F.layer_norm(x, (4,)).grad_fn.name()
