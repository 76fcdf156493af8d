"""Which operations have a rule for double differentiation; each rule is given the operation and its arguments."""

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F

from reweigh.alignment.double_backward.attention import attention
from reweigh.alignment.double_backward.batch_norm import batch_norm
from reweigh.alignment.double_backward.gelu import gelu
from reweigh.alignment.double_backward.layer_norm import layer_norm
from reweigh.alignment.double_backward.product import convolution, linear

CLOSED_FORMS: dict[Callable[..., Any], Callable[..., Any]] = {
    F.batch_norm: batch_norm,
    F.conv1d: convolution,
    F.conv2d: convolution,
    F.conv3d: convolution,
    F.gelu: gelu,
    F.layer_norm: layer_norm,
    F.linear: linear,
    F.scaled_dot_product_attention: attention,
}
