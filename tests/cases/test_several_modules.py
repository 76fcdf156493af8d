"""Parameters outside the model: given with it they count as its own; not given they are refused by name."""

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, DeepInteraction, MetaWeightNet, Reweigher, alignments, clean_direction
from reweigh.errors import BadInput

D, C = 6, 3


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(n, D, generator=g, dtype=torch.float64),
        "y": torch.randint(C, (n,), generator=g),
        "id": torch.arange(n),
    }


TRAIN, CLEAN = data(8, 1), data(5, 2)


class Prototypes(nn.Module):
    """Distances to learned centres."""

    def __init__(self):
        super().__init__()
        self.centres = nn.Parameter(torch.randn(C, 4))

    def forward(self, features, y):
        return F.cross_entropy(features @ F.normalize(self.centres).t(), y, reduction="none")


def modules(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(D, 7), nn.Tanh(), nn.Linear(7, 4)).double(), Prototypes().double()


def of_list(models, batch):
    net, criterion = models
    return criterion(net(batch["x"]), batch["y"])


def of_dict(models, batch):
    return models["criterion"](models["net"](batch["x"]), batch["y"])


KINDS = {
    "list": (list, of_list),
    "tuple": (tuple, of_list),
    "ModuleList": (nn.ModuleList, of_list),
    "dict": (lambda pair: dict(zip(("net", "criterion"), pair, strict=True)), of_dict),
    "ModuleDict": (lambda pair: nn.ModuleDict(dict(zip(("net", "criterion"), pair, strict=True))), of_dict),
}


def by_hand(net, criterion, v=None):
    """The weights of L2RW and the gradient of the weighted losses, by loops."""
    params = [*net.parameters(), *criterion.parameters()]
    v = torch.autograd.grad(of_list([net, criterion], CLEAN).mean(), params)
    losses = of_list([net, criterion], TRAIN)
    each = [torch.autograd.grad(loss, params, retain_graph=True) for loss in losses]
    a = torch.stack([sum((g * d).sum() for g, d in zip(one, v, strict=True)) for one in each])
    weights = a.clamp(min=0) / a.clamp(min=0).sum()
    return a, weights, torch.autograd.grad(losses, params, weights)


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double", "auto"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_criterion_with_parameters_takes_part(kind, engine):
    make, loss = KINDS[kind]
    net, criterion = modules()
    a, weights, grads = by_hand(net, criterion)
    r = Reweigher(make((net, criterion)), loss, rule=L2RW(), clean=[CLEAN], engine=engine)
    found = r.backward(TRAIN).weights
    tolerance = 1e-4 if engine == "finite" else 1e-9
    torch.testing.assert_close(r.report.alignments, a, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(found, weights, rtol=tolerance, atol=tolerance)
    for p, g in zip([*net.parameters(), *criterion.parameters()], grads, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_by_hand_and_by_name(kind):
    make, loss = KINDS[kind]
    model = make(modules())
    v = clean_direction(model, loss, CLEAN)
    centres = [name for name in v if name.endswith("centres")]
    assert centres == ["1.centres" if kind in ("list", "tuple", "ModuleList") else "criterion.centres"]
    torch.testing.assert_close(alignments(model, loss, TRAIN, v), by_hand(*modules())[0])
    only = clean_direction(model, loss, CLEAN, layers=centres[0].partition(".")[0])
    assert list(only) == centres


def test_each_may_be_wrapped():
    net, criterion = modules()
    _, weights, grads = by_hand(net, criterion)
    seen = []

    def loss(models, batch):
        seen.append([type(part).__name__ for part in models])
        return of_list(models, batch)

    r = Reweigher([nn.DataParallel(net), torch.compile(criterion, backend="eager")], loss, rule=L2RW(), clean=[CLEAN])
    torch.testing.assert_close(r.backward(TRAIN).weights, weights)
    assert ["Sequential", "Prototypes"] in seen  # the engines' passes
    assert seen[-1] == ["DataParallel", "OptimizedModule"]  # the training pass
    torch.testing.assert_close(criterion.centres.grad, grads[-1])


def test_a_criterion_left_outside_is_refused_by_name():
    net, criterion = modules()
    r = Reweigher(net, lambda m, b: criterion(m(b["x"]), b["y"]), rule=L2RW(), clean=[CLEAN])
    with pytest.raises(
        BadInput, match=r"the loss reaches 1 parameter outside the model \(criterion\.centres \(3, 4\)\)"
    ):
        r.backward(TRAIN)


class Objective:
    def __init__(self, criterion):
        self.criterion = criterion

    def losses(self, m, b):
        return self.criterion(m(b["x"]), b["y"])


@pytest.mark.parametrize(
    "make",
    [
        lambda c: Objective(c).losses,
        lambda c: functools.partial(lambda criterion, m, b: criterion(m(b["x"]), b["y"]), c),
        lambda c: lambda m, b, c=c: c(m(b["x"]), b["y"]),
        lambda c: lambda m, b: F.cross_entropy(-torch.cdist(m(b["x"]), c.centres), b["y"], reduction="none"),
    ],
    ids=["method", "partial", "default", "bare"],
)
@pytest.mark.parametrize("rule", [L2RW, MetaWeightNet])
def test_wherever_the_loss_has_it_from(make, rule):
    net, criterion = modules()
    loss = make(criterion)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    r = Reweigher(net, loss, rule=rule(), clean=[CLEAN], optimizer=optimizer)
    with pytest.raises(BadInput, match=r"centres.*model=\[model, criterion\]"):
        r.weigh(TRAIN)
    with pytest.raises(BadInput, match=r"centres.*model=\[model, criterion\]"):
        clean_direction(net, loss, CLEAN)


def test_what_the_optimizer_trains_beside_the_model_is_refused():
    net, criterion = modules()
    optimizer = torch.optim.SGD([*net.parameters(), *criterion.parameters()], lr=0.1)
    plain = lambda m, b: F.cross_entropy(m(b["x"]), b["y"], reduction="none")  # noqa: E731
    with pytest.raises(BadInput, match="the optimizer trains 1 parameter outside the model"):
        Reweigher(net, plain, rule=L2RW(), clean=[CLEAN], optimizer=optimizer).backward(TRAIN)


def test_inputs_that_require_gradients_are_no_strangers():
    net, _ = modules()
    train = {**TRAIN, "x": TRAIN["x"].clone().requires_grad_()}

    def smooth(m, b):  # a loss that differentiates by its input makes a leaf of its own
        x = b["x"].detach().requires_grad_()
        losses = F.cross_entropy(m(x), b["y"], reduction="none")
        return losses + torch.autograd.grad(losses.sum(), x, create_graph=True)[0].square().sum(1)

    for loss in (smooth, lambda m, b: F.cross_entropy(m(b["x"]), b["y"], reduction="none")):
        r = Reweigher(net, loss, rule=L2RW(), clean=[CLEAN], engine="double")
        assert r.weigh(train).sum() > 0


def test_weights_tied_across_the_list_are_exact():
    torch.manual_seed(3)
    encoder, decoder = nn.Linear(D, 4, bias=False).double(), nn.Linear(4, D, bias=False).double()
    decoder.weight = nn.Parameter(encoder.weight.detach().t().clone())
    encoder.weight = nn.Parameter(torch.randn(D, D, dtype=torch.float64))
    decoder.weight = encoder.weight

    def loss(models, b):
        return (models[1](models[0](b["x"]).tanh()) - b["x"]).square().mean(1)

    (v,) = torch.autograd.grad(loss([encoder, decoder], CLEAN).mean(), [encoder.weight])
    losses = loss([encoder, decoder], TRAIN)
    each = [torch.autograd.grad(e, encoder.weight, retain_graph=True)[0] for e in losses]
    expected = torch.stack([(g * v).sum() for g in each])
    for engine in ("ghost", "forward", "double"):
        r = Reweigher([encoder, decoder], loss, rule=L2RW(), clean=[CLEAN], engine=engine)
        encoder.weight.grad = None
        weights = r.backward(TRAIN).weights
        torch.testing.assert_close(r.report.alignments, expected)
        torch.testing.assert_close(encoder.weight.grad, sum(w * g for w, g in zip(weights, each, strict=True)))


@pytest.mark.parametrize("rule", [MetaWeightNet, functools.partial(DeepInteraction, classes=C)], ids=["net", "teacher"])
@pytest.mark.parametrize("horizon", [1, 2])
def test_rules_that_learn_take_several_modules_and_resume(rule, horizon):
    from reweigh.learning import Learning

    def run(stop_at=None):
        net, criterion = modules()
        optimizer = torch.optim.SGD([*net.parameters(), *criterion.parameters()], lr=0.05)
        make = lambda: Reweigher(  # noqa: E731
            [net, criterion], of_list, rule=rule(), clean=CLEAN, optimizer=optimizer, learning=Learning(horizon=horizon)
        )
        r, found = make(), []
        for k in range(6):
            if k == stop_at:
                state = r.state_dict()
                r = make()
                r.load_state_dict(state)
            optimizer.zero_grad()
            found.append(r.backward(data(8, 20 + k)).weights)
            optimizer.step()
            r.after_step()
        return torch.stack(found), r.explain()

    whole, told = run()
    torch.testing.assert_close(run(stop_at=3)[0], whole)
    assert rule is MetaWeightNet or "0.2:input" in told


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ([], "empty collection"),
        ([nn.Linear(2, 2), nn.Parameter(torch.ones(2))], "a Parameter.*ParameterList"),
        ({"a": nn.Linear(2, 2), "b.c": nn.Linear(2, 2)}, "'b.c'"),
        ([nn.Linear(2, 2), None], "a NoneType"),
        (lambda x: x, "is a function: pass an nn.Module, or a list or dict"),
    ],
)
def test_what_cannot_be_a_model_is_said(model, said):
    with pytest.raises(BadInput, match=said):
        Reweigher(model, of_list, rule=L2RW(), clean=[CLEAN])


def test_the_fast_preset_and_explain():
    net, criterion = modules()
    r = Reweigher([net, criterion], of_list, rule=L2RW(), clean=[CLEAN], preset="fast")
    r.backward(TRAIN)
    assert "uses" in r.explain()
    assert criterion.centres.grad is not None
