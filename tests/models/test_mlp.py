import torch
from torch import nn

from reweigh.models import MLP


def test_it_flattens_and_has_the_layers_asked_for() -> None:
    model = MLP((2, 3), 4, hidden=(5,), dropout=0.1)
    assert [m.weight.shape for m in model.modules() if isinstance(m, nn.Linear)] == [(5, 6), (4, 5)]
    assert model(torch.rand(7, 2, 3)).shape == (7, 4)


def test_without_hidden_layers_it_is_linear() -> None:
    model = MLP((6,), 2, hidden=())
    a, b = torch.rand(1, 6), torch.rand(1, 6)
    assert torch.allclose(model(a + b) + model(torch.zeros(1, 6)), model(a) + model(b), atol=1e-6)
