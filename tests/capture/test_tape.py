"""What a tape records, part by part, gives for other numbers what the body gives."""

import pytest
import torch
from torch import nn

from reweigh.capture.tape import Tape
from reweigh.walk import Walk


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(6.0).view(3, 2))
        self.register_buffer("count", torch.zeros(()))


def recorded(body, *inputs, module=None):
    tape = Tape(Walk(module or Layer()))
    first = tape.run(inputs, body)
    assert tape.refused is None, tape.refused
    return tape, first, tape.done()[0]


def refused(body, *inputs, module=None):
    tape = Tape(Walk(module or Layer()))
    tape.run(inputs, body)
    return tape.refused


x, y = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
LAYER = Layer()


def in_place(t):
    z = t[0].detach().clone()
    z.view(2, 1).mul_(3.0)  # by another name
    z.unsqueeze_(0).squeeze_(0)
    return [z + t[0]]


def by_a_gradient(t):
    leaf = t[0].detach().requires_grad_()
    return list(torch.autograd.grad((leaf**3).sum() * LAYER.weight.sum().detach(), leaf))


def a_number_of_python_s(t):
    total = torch.tensor(0.0)
    total += t[0].sum()
    return [total]


BODIES = {
    "several results": lambda t: [*t[0].unbind(), t[0].max(0).values, None],
    "a list of tensors": lambda t: [torch.cat([t[0], t[0].flip(0)]), torch.stack(list(t[0].split(1)))],
    "in place": in_place,
    "a gradient": by_a_gradient,
    "a number of Python's": a_number_of_python_s,
    "an input as it is": lambda t: [t[0]],
    "infinity": lambda t: [t[0].masked_fill(t[0] > 1.5, float("inf")), torch.full_like(t[0], float("nan"))],
    "another type": lambda t: [t[0].to(torch.float64), t[0].long()],
    "data": lambda t: [t[0].data + 1, LAYER.weight.data.sum()],
}


@pytest.mark.parametrize("what", BODIES)
def test_other_numbers_give_what_the_body_gives(what):
    body = BODIES[what]
    _, first, replay = recorded(body, x.clone(), module=LAYER)
    for given in (x, y):
        for one, other in zip(replay([given.clone()]), body([given.clone()]), strict=True):
            assert one is other is None or torch.equal(one.nan_to_num(), other.nan_to_num())
    assert len(first) == len(body([x]))


def test_what_has_no_effect_is_left_out():
    def body(t):
        for _ in range(5):
            t[0].exp().log()
        return [t[0] + 1]

    tape = Tape(Walk(Layer()))
    tape.run([x], body)
    assert tape.operations == 11
    replay = tape.done()[0]
    assert torch.equal(replay([y])[0], y + 1)
    assert sum(name.startswith("f") for name in replay._run.__globals__) == 1


def test_parts_go_on_from_one_another():
    layer, kept = Layer(), []

    def first(t):
        kept.append((t[0] @ layer.weight.mT) ** 2)
        return [kept[-1].detach()]

    def second(t):
        return list(torch.autograd.grad(kept.pop(), layer.weight, t[0]))

    tape = Tape(Walk(layer))
    tape.run([x], first)
    tape.run([torch.ones(3)], second)
    one, two = tape.done()
    with torch.no_grad():
        layer.weight.mul_(0.5)
    (found,) = one([y])
    (gradient,) = two([found])
    assert torch.equal(found, first([y])[0])
    assert torch.allclose(gradient, second([found])[0])


def test_buffers_are_looked_for_where_they_stand():
    layer = Layer()

    def body(t):
        layer.count += 1
        return [t[0] * layer.count]

    _, first, replay = recorded(body, x.clone(), module=layer)
    assert torch.equal(first[0], x)
    assert torch.equal(replay([x])[0], 2 * x)
    layer.count = torch.tensor(9.0)
    assert torch.equal(replay([x])[0], 10 * x)
    assert float(layer.count) == 10


def test_random_numbers_are_fresh_and_the_same_by_the_same_seed():
    def body(t):
        return [torch.nn.functional.dropout(t[0], 0.5)]

    large = torch.ones(100)
    tape, _, replay = recorded(body, large)
    assert tape.random
    torch.manual_seed(4)
    one, two = replay([large])[0], replay([large])[0]
    assert not torch.equal(one, two)
    torch.manual_seed(4)
    assert torch.equal(body([large])[0], one)


def written(t):
    LAYER.weight.data.add_(0.0)
    return [t[0]]


def of_elsewhere(t):
    y.add_(0.0)
    return [t[0]]


REFUSED = {
    "a number": (lambda t: [t[0] * float(t[0].sum())], "a number of a tensor is read on the way"),
    "an if": (lambda t: [t[0] if t[0].sum() > 0 else -t[0]], "a number of a tensor is read on the way"),
    "a list": (lambda t: [t[0] * sum(t[0].tolist())], "by tolist"),
    "an array": (lambda t: [t[0] * t[0].numpy().sum()], "by numpy"),
    "a mask": (lambda t: [t[0][t[0] > 1]], "picks by a mask"),
    "nonzero": (lambda t: [t[0].nonzero()], "the shape of what nonzero"),
    "a sparse tensor": (lambda t: [t[0].to_sparse().to_dense()], "sparse_coo"),
    "a generator": (lambda t: [torch.rand(2, generator=torch.Generator())], "a generator of its own"),
    "a parameter written to": (written, "neither its own nor a buffer"),
    "another tensor written to": (of_elsewhere, "neither its own nor a buffer"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_made_again_is_refused(what):
    body, why = REFUSED[what]
    assert why in (refused(body, x.clone(), module=LAYER) or "")


def test_what_is_refused_is_made_all_the_same():
    tape = Tape(Walk(Layer()))
    (found,) = tape.run([x], REFUSED["a number"][0])
    assert torch.equal(found, 3 * x)
    assert tape._alive == tape._parts == []


def test_it_says_that_it_compiles_while_it_records():
    said = []

    def body(t):
        said.append(torch.compiler.is_compiling())
        return [t[0] + 1]

    recorded(body, x)
    assert said == [True]
    assert not torch.compiler.is_compiling()


def test_after_an_error_no_mode_is_left():
    def body(t):
        raise KeyError("of the body")

    with pytest.raises(KeyError, match="of the body"):
        Tape(Walk(Layer())).run([x], body)
    assert not torch.compiler.is_compiling()
    assert not torch.utils._python_dispatch._get_current_dispatch_mode_stack()
