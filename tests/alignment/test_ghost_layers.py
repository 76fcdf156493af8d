"""The seam for a user's own layer."""

import os
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import reference
from laws import assert_close
from reweigh import alignments
from reweigh.alignment import Ghost, Student, ghost
from reweigh.alignment.ghost import layers as registry
from reweigh.errors import BadInput, EngineRefused


class Scaled(torch.autograd.Function):
    """Hides its parameter from PyTorch, as a kernel of one's own does."""

    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x, scale)
        return x * scale

    @staticmethod
    def backward(ctx, delta):
        x, scale = ctx.saved_tensors
        return delta * scale, (delta * x).flatten(0, -2).sum(0)


class MyScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.rand(4) + 0.5)

    def forward(self, x):
        return Scaled.apply(x, self.scale)


def model():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), MyScale(), nn.Tanh(), nn.Linear(4, 2)).double()


BATCH = torch.randn(6, 3, generator=torch.Generator().manual_seed(2)).double(), torch.arange(6) % 2


def losses(net, batch):
    return F.cross_entropy(net(batch[0]), batch[1], reduction="none")


def own(layer, inputs, delta):
    return {"scale": inputs[0] * delta}


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_LAYERS", {})
    return ghost.layer(MyScale)


def test_without_a_rule_it_is_refused_by_name():
    net = model()
    with pytest.raises(EngineRefused, match=r"cannot go through 1 \(MyScale\).*engine='finite' works"):
        alignments(net, losses, BATCH, reference.random_direction(net), engine=Ghost())


def test_with_a_rule_it_is_exact(registered):
    registered(own)
    net = model()
    direction = reference.random_direction(net)
    truth = reference.loop_alignments(net, losses, BATCH, direction)
    assert_close(Ghost().alignments(Student(net, losses).on(BATCH), direction), truth, 1e-12)
    found, along = Ghost().shared_pass(Student(net, losses).on(BATCH), direction)
    assert_close(along, truth, 1e-12)
    weights = torch.linspace(0, 1, 6).double()
    expected = reference.gradients(net, (losses(net, BATCH) * weights).sum())
    found.backward(weights)
    for name, p in net.named_parameters():
        torch.testing.assert_close(p.grad, expected[name], rtol=1e-12, atol=1e-14)
    assert "forward" not in net[1].__dict__


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (lambda layer, inputs, delta: {}, r"MyScale gives nothing for 'scale'.*\(6, 4\)"),
        (lambda layer, inputs, delta: {"scale": delta.sum(0)}, r"MyScale gives \(4,\) for 'scale'.*\(6, 4\)"),
    ],
    ids=["missing", "summed"],
)
def test_a_rule_that_is_wrong_in_form_is_told(registered, rule, said):
    registered(rule)
    net = model()
    with pytest.raises(BadInput, match=said):
        Ghost().alignments(Student(net, losses).on(BATCH), reference.random_direction(net))


def test_only_module_classes_can_be_registered():
    with pytest.raises(BadInput, match="takes a module class"):
        ghost.layer(F.linear)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 4])
def test_bits_are_those_of_any_other_process(seeds):
    """Words are ordered in a set as the process hashes them, and the order of a sum changes its last bits."""
    code = (
        "import torch, reweigh; from torch import nn; torch.manual_seed(0);"
        "m = nn.Sequential(nn.Linear(6, 9), nn.LayerNorm(9), nn.Tanh(), nn.LayerNorm(9), nn.Linear(9, 3));"
        "b = {'x': torch.randn(40, 6), 'y': torch.arange(40) % 3};"
        "f = lambda m, b: nn.functional.cross_entropy(m(b['x']), b['y'], reduction='none');"
        "v = {n: torch.randn_like(p) for n, p in m.named_parameters()};"
        "print(reweigh.alignments(m, f, b, v, engine='ghost').detach().numpy().tobytes().hex())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(seeds)
    }
    assert len(found) == 1
