import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh.alignment import AutoEngine, Double, Student
from reweigh.clean_gradient import CleanGradient, gradient_of
from reweigh.clean_stream import clean_stream
from reweigh.direction import clean_direction
from reweigh.errors import NonFinite
from reweigh.fields import ids_in, labels_in
from reweigh.learning import Setup
from reweigh.progress import Progress
from reweigh.rules import L2RW, Uniform
from reweigh.weighing import Weigher


def batch_of(seed, size=6):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(size, 4, generator=g).double(), "y": torch.randint(3, (size,), generator=g)}


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Linear(4, 3).double()


def weigher(model, rule):
    clean = batch_of(9)
    gradient = CleanGradient(clean_stream([clean]), gradient_of(Student(model, loss)))
    student = Student(model, loss)
    setup = Setup(student, student, None, AutoEngine(Double()), clean_stream([clean]), labels_in, ids_in)
    return Weigher(rule, setup, gradient)


@pytest.mark.parametrize("how", ["weigh", "backward"])
def test_a_rule_that_needs_alignments_gets_them(model, how):
    task, done = Student(model, loss).on(batch_of(1)), Progress()
    found = getattr(weigher(model, L2RW()), how)(task, done)
    weights = found if how == "weigh" else found.weights
    v = clean_direction(model, loss, batch_of(9))
    alone = [torch.autograd.grad(each, model.weight, retain_graph=True)[0] for each in loss(model, batch_of(1))]
    bias = [torch.autograd.grad(each, model.bias, retain_graph=True)[0] for each in loss(model, batch_of(1))]
    a = torch.stack([(g * v["weight"]).sum() + (b * v["bias"]).sum() for g, b in zip(alone, bias, strict=True)])
    torch.testing.assert_close(weights, a.clamp(min=0) / a.clamp(min=0).sum())
    torch.testing.assert_close(done.report.alignments, a)
    assert (model.weight.grad is None) == (how == "weigh")


def test_a_rule_that_needs_none_takes_no_clean_batch(model):
    one = weigher(model, Uniform())
    done = Progress()
    assert one.weigh(Student(model, loss).on(batch_of(1)), done).tolist() == pytest.approx([1 / 6] * 6)
    assert one._gradient._stream.state_dict()["offset"] == 0
    assert done.step == 1


def test_a_rule_sees_nothing_that_is_not_finite(model):
    class Seeing(Uniform):
        def weigh(self, evidence):
            raise AssertionError

    done, batch = Progress(), batch_of(1)
    batch["x"][2] = torch.nan
    with pytest.raises(NonFinite, match="2"):
        weigher(model, Seeing()).weigh(Student(model, loss).on(batch), done)
    assert done.step == 0
