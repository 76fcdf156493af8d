import warnings

import pytest
import torch
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from reweigh import modes
from reweigh.modes import Modes


def test_without_an_accelerator_only_the_cpu_has_autocast(monkeypatch):
    """PyTorch 2.6 raises where there is none; later ones return None."""

    def none():
        raise RuntimeError("Cannot access accelerator device when none is available.")

    for current in (none, lambda: None):
        monkeypatch.setattr(torch.accelerator, "current_accelerator", current)
        assert modes._kinds.__wrapped__() == ("cpu",)


class Mode(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return func(*args, **(kwargs or {}))


def half_open():
    torch._C._enter_dual_level()  # PyTorch knows of it, Python's counter does not


@pytest.mark.parametrize(
    "change",
    [
        lambda: torch._C._set_grad_enabled(False),
        lambda: torch._C._set_fwd_grad_enabled(False),
        forward_ad.enter_dual_level,
        half_open,
        lambda: Mode().__enter__(),
        lambda: torch.autocast("cpu", torch.bfloat16, cache_enabled=False).__enter__(),
        lambda: torch.autocast_increment_nesting(),
        lambda: warnings.catch_warnings().__enter__() or warnings.simplefilter("ignore"),
    ],
)
def test_what_is_left_switched_is_put_back_and_may_be_twice(change):
    before = Modes.now()
    change()
    before.put_back()
    before.put_back()
    assert Modes.now() == before
    with forward_ad.dual_level():
        pass


def test_a_function_mode_that_was_taken_off_is_put_on_again():
    with Mode():
        before = Modes.now()
        torch.overrides._pop_mode()
        before.put_back()
        assert Modes.now() == before
    assert torch._C._len_torch_function_stack() == 0


def test_nothing_changes_where_nothing_was_changed():
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        before = Modes.now()
        before.put_back()
        assert Modes.now() == before
        assert torch.is_autocast_enabled("cpu")
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
