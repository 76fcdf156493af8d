import threading

import pytest
import torch
from torch import nn

from reweigh.errors import BadInput
from reweigh.turns import Turns, in_turn


class Weighs:
    """The least that takes turns; `calls` is given back to what it was where a call fails."""

    def __init__(self, model):
        self._turns, self.calls = Turns(model, None), 0

    def _begin(self):
        self._turns.begin(self)

    @in_turn
    def weigh(self, batch):
        self.calls += 1
        return batch()


def in_another_thread(call):
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_a_call_that_fails_has_not_been():
    weighs = Weighs(nn.Linear(2, 1))
    weighs.weigh(lambda: None)
    with pytest.raises(ZeroDivisionError):
        weighs.weigh(lambda: 1 / 0)
    assert weighs.calls == 1


def test_a_change_is_the_models_own_while_one_thread_weighs():
    model = nn.Linear(2, 1)
    weighs = Weighs(model)
    assert weighs.weigh(lambda: model.weight.data.add_(1)) is not None
    with torch.no_grad():
        weighs.weigh(lambda: model.weight.add_(1))


def test_a_change_is_told_where_several_weigh():
    model = nn.Linear(2, 1)
    weighs = Weighs(model)
    in_another_thread(lambda: weighs.weigh(lambda: None))
    assert weighs.weigh(lambda: 5) == 5
    with torch.no_grad(), pytest.raises(BadInput, match="the parameters were changed while a batch was being weighed"):
        weighs.weigh(lambda: model.weight.add_(1))
    assert weighs.calls == 2
