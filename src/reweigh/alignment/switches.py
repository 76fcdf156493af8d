"""PyTorch's own choices of kernels, switched for a block.

The switches belong to the process. PyTorch's context managers for them are generators, which an interrupt can leave half
way, to go on when nobody expects it any more; and some warn about settings that they do not change.
"""

from collections.abc import Mapping
from typing import Any

import torch

from reweigh._torch import Switch, attention_switches, layer_switches
from reweigh.undo import ForAWhile, lent

_MATH, _FUSED = attention_switches()
_FAST_PATH: Switch = (torch.backends.mha.get_fastpath_enabled, torch.backends.mha.set_fastpath_enabled)

MATH_ATTENTION: Mapping[Switch, bool] = {_MATH: True, **dict.fromkeys(_FUSED, False)}
"""Attention by operations that have a forward mode and second derivatives."""
ANY_ATTENTION: Mapping[Switch, bool] = dict.fromkeys([_MATH, *_FUSED], True)
UNFUSED_ATTENTION: Mapping[Switch, bool] = {**MATH_ATTENTION, _FAST_PATH: False}
PLAIN_LAYERS: Mapping[Switch, bool] = dict.fromkeys(layer_switches(), False)
"""Recurrent layers without cuDNN and oneDNN."""


class switched(ForAWhile):
    """Within the block the switches stand as given; afterwards as before."""

    def __init__(self, switches: Mapping[Switch, bool]) -> None:
        self._switches = switches

    def change(self) -> None:
        """Only what stands otherwise is touched."""
        turned = [(switch, to) for switch, to in self._switches.items() if switch[0]() != to]

        def put_back() -> None:
            for (_, put), to in turned:
                put(not to)

        lent(put_back)
        for (_, put), to in turned:
            put(to)


class noted(ForAWhile):
    """Within the block a context variable has this value."""

    def __init__(self, variable: Any, value: Any) -> None:
        self._variable, self._value = variable, value

    def change(self) -> None:
        """The value from before is set again, not reset by a token, which serves once."""
        before = self._variable.get()
        lent(lambda: self._variable.set(before))
        self._variable.set(self._value)
