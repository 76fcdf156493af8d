"""Attention's second derivative, its softmax in closed form, against PyTorch's plain kernel and finite differences."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from reweigh.alignment.double_backward.attention import attention
from second_derivatives import assert_exact, drawn

HIDDEN = torch.tensor([[True, False, True], [True, True, True], [False, False, False], [False, True, False]])
KINDS = {
    "plain": ({}, None),
    "scaled": ({"scale": 0.3}, None),
    "some hidden, one row wholly": ({"attn_mask": HIDDEN}, None),
    "a bias that learns": ({}, (4, 3)),
    "causal": ({"is_causal": True}, None),
}


@pytest.mark.parametrize(("how", "bias"), KINDS.values(), ids=KINDS)
def test_as_pytorch_and_as_finite_differences(how, bias):
    keys = 4 if how.get("is_causal") else 3
    inputs = drawn((2, 2, 4, 3), (2, 2, keys, 3), (2, 2, keys, 5), *([bias] if bias else []))

    def theirs(q, k, v, *mask):
        with sdpa_kernel(SDPBackend.MATH):
            return F.scaled_dot_product_attention(q, k, v, *mask, **how)

    def ours(q, k, v, *mask):
        return attention(F.scaled_dot_product_attention, q, k, v, *mask, **how)

    assert_exact(ours, theirs, inputs)


def test_scores_that_are_not_numbers_stay_so():
    q, k, v = drawn((1, 1, 2, 3), (1, 1, 2, 3), (1, 1, 2, 3))
    with torch.no_grad():
        q[0, 0, 0, 0] = float("nan")
    y = attention(F.scaled_dot_product_attention, q, k, v, attn_mask=torch.ones(2, 2, dtype=torch.bool))
    assert y[0, 0, 0].isnan().all()
    assert y[0, 0, 1].isfinite().all()
