"""Where there is no gradient: refused at once where the graph has none, said after three batches where it is zero."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, MetaWeightNet, Reweigher, alignments, clean_direction
from reweigh.errors import BadInput


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=g), "y": torch.randint(3, (n,), generator=g)}


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def ce(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


TWIN = net()


def under_no_grad(model, batch):
    with torch.no_grad():
        return ce(model, batch)


STOPPED = {
    "another module": lambda _, b: ce(TWIN, b),
    "no_grad": under_no_grad,
    "constant": lambda m, b: torch.ones(len(b["x"])),
    "detached": lambda m, b: F.cross_entropy(m(b["x"]).detach(), b["y"], reduction="none"),
    "argmax": lambda m, b: (m(b["x"]).argmax(1) != b["y"]).float(),
    "made anew": lambda m, b: torch.tensor(ce(m, b).tolist()),
    "a copy each time": lambda m, b: ce(copy.deepcopy(m), b),
}


@pytest.mark.parametrize("how", STOPPED)
@pytest.mark.parametrize("call", ["weigh", "backward"])
@pytest.mark.parametrize("learns", [False, True])
def test_a_loss_that_does_not_reach_the_model_is_refused(how, call, learns):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rule = MetaWeightNet() if learns else L2RW()
    r = Reweigher(model, STOPPED[how], rule=rule, clean=data(5, 9), optimizer=optimizer)
    with pytest.raises(BadInput, match=r"does not depend on the parameters|outside the model"):
        getattr(r, call)(data(8, 1))


@pytest.mark.parametrize("how", STOPPED)
def test_so_is_a_clean_loss_of_its_own(how):
    r = Reweigher(net(), ce, rule=L2RW(), clean=data(5, 9), clean_loss=STOPPED[how])
    with pytest.raises(BadInput, match=r"the clean loss does not depend on the parameters|outside the model"):
        r.weigh(data(8, 1))


@pytest.mark.parametrize("how", STOPPED)
def test_a_training_loss_that_reaches_nothing_though_the_clean_one_does(how):
    r = Reweigher(net(), STOPPED[how], rule=L2RW(), clean=data(5, 9), clean_loss=ce)
    with pytest.raises(BadInput, match=r"the training loss does not depend on the parameters|outside the model"):
        r.weigh(data(8, 1))


@pytest.mark.parametrize("how", STOPPED)
def test_by_hand(how):
    model = net()
    with pytest.raises(BadInput, match=r"the clean loss does not depend on the parameters|outside the model"):
        clean_direction(model, STOPPED[how], data(5, 9))
    v = clean_direction(model, ce, data(5, 9))
    with pytest.raises(BadInput, match=r"the training loss does not depend on the parameters|outside the model"):
        alignments(model, STOPPED[how], data(8, 1), v)


def test_layers_that_the_loss_does_not_pass():
    model = nn.ModuleDict({"used": net(), "spare": nn.Linear(6, 3)})
    r = Reweigher(model, lambda m, b: ce(m["used"], b), rule=L2RW(), clean=data(5, 9), layers="spare")
    with pytest.raises(BadInput, match="parameters that layers= chooses"):
        r.weigh(data(8, 1))


def test_an_empty_direction_by_hand_is_refused_and_one_of_zeros_said():
    model = net()
    with pytest.raises(BadInput, match="no entry at all"):
        alignments(model, ce, data(8, 1), {})
    v = clean_direction(model, ce, data(5, 9), layers="2")
    with pytest.raises(BadInput, match="none of the parameters that take part"):
        alignments(model, ce, data(8, 1), v, layers="0")
    with pytest.warns(UserWarning, match="exactly zero"):
        assert not alignments(model, ce, data(8, 1), {name: torch.zeros_like(p) for name, p in v.items()}).any()


def hinge(model, batch):
    """Zero, with its graph, for whoever is on the right side."""
    return F.relu(-model(batch["x"])[:, 0] - 1e4) * (batch["y"] + 1)


def test_a_flat_clean_loss_by_hand_is_said():
    with pytest.warns(UserWarning, match="clean direction is exactly zero"):
        clean_direction(net(), hinge, data(5, 9))


@pytest.mark.parametrize("learns", [False, True])
def test_three_flat_batches_are_said_once_and_one_is_not(learns):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rule = MetaWeightNet() if learns else L2RW()
    r = Reweigher(model, ce, rule=rule, clean=data(5, 9), clean_loss=hinge, optimizer=optimizer)
    heard = []
    for k in range(6):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            optimizer.zero_grad()
            weights = r.backward(data(8, k)).weights
            optimizer.step()
            r.after_step()
        heard.append([str(w.message) for w in caught if "in a row" in str(w.message)])
        assert learns or not weights.any()
    assert [len(said) for said in heard] == [0, 0, 1, 0, 0, 0]
    assert "the clean gradient was exactly zero" in heard[2][0]


def test_a_batch_with_a_direction_starts_the_count_anew():
    flat = {"now": True}
    r = Reweigher(
        net(), ce, rule=L2RW(), clean=data(5, 9), clean_loss=lambda m, b: (hinge if flat["now"] else ce)(m, b)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(9):
            flat["now"] = k % 3 != 2
            r.weigh(data(8, k))
    assert not [w for w in caught if "in a row" in str(w.message)]


def test_alignments_of_zero_along_a_direction_are_said():
    model = nn.ModuleDict({"a": net(), "b": net()})
    r = Reweigher(
        model, lambda m, b: ce(m["a"], b), rule=L2RW(), clean=data(5, 9), clean_loss=lambda m, b: ce(m["b"], b)
    )
    for k in range(2):
        r.weigh(data(8, k))
    with pytest.warns(UserWarning, match="all alignments were exactly zero"):
        r.weigh(data(8, 3))


def test_the_count_is_resumed():
    def made():
        return Reweigher(net(), ce, rule=L2RW(), clean=data(5, 9), clean_loss=hinge)

    r = made()
    for k in range(2):
        r.weigh(data(8, k))
    resumed = made()
    resumed.load_state_dict(r.state_dict())
    with pytest.warns(UserWarning, match="in a row"):
        resumed.weigh(data(8, 3))


@pytest.mark.parametrize("where", ["first", "last"])
def test_complex_parameters_are_refused_by_name(where):
    class Complex(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.turn = net(), nn.Parameter(torch.ones(3, dtype=torch.complex64))

        def forward(self, x):
            return (self.net(x) * self.turn).abs()

    with pytest.raises(BadInput, match=r"'turn' is complex.*view_as_complex"):
        Reweigher(Complex(), ce, rule=L2RW(), clean=data(5, 9)).weigh(data(8, 1))


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
def test_the_way_out_for_complex_parameters_is_exact(engine):
    class Real(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.w = nn.Parameter(torch.randn(6, 3, 2))

        def forward(self, x):
            y = x.to(torch.complex128) @ torch.view_as_complex(self.w)
            return torch.view_as_real(y).square().sum(-1)

    model, batch = Real().double(), {k: t.double() if k == "x" else t for k, t in data(8, 1).items()}
    v = {"w": torch.randn(6, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))}
    expected = [(torch.autograd.grad(one, model.w, retain_graph=True)[0] * v["w"]).sum() for one in ce(model, batch)]
    try:
        found = alignments(model, ce, batch, v, engine=engine)
    except Exception as refused:
        assert "engine" in str(refused)  # noqa: PT017
        return
    tolerance = 1e-6 if engine == "finite" else 1e-10
    torch.testing.assert_close(found, torch.stack(expected), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
@pytest.mark.parametrize("bag", [False, True])
def test_sparse_gradients_stay_sparse_and_right(engine, bag):
    def table(sparse):
        torch.manual_seed(0)
        kind = nn.EmbeddingBag if bag else nn.Embedding
        rest = (nn.Linear(4, 3),) if bag else (nn.Flatten(), nn.Linear(12, 3))
        return nn.Sequential(kind(7, 4, sparse=sparse), *rest).double()

    train, clean = ({"x": torch.randint(7, (n, 3)), "y": torch.randint(3, (n,))} for n in (6, 4))
    found = []
    for sparse in (True, False):
        model = table(sparse)
        r = Reweigher(model, ce, rule=L2RW(), clean=[clean], engine=engine)
        weights = r.backward(train).weights
        grad = model[0].weight.grad
        found.append((weights, grad.to_dense()))
        if sparse:
            torch.optim.SparseAdam([model[0].weight]).step()
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("horizon", [1, 2])
def test_rules_learn_where_gradients_are_sparse(horizon):
    from reweigh.learning import Learning

    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(7, 4, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    train = {"x": torch.randint(7, (6, 3)), "y": torch.randint(3, (6,))}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    r = Reweigher(model, ce, rule=MetaWeightNet(), clean=train, optimizer=optimizer, learning=Learning(horizon=horizon))
    for _ in range(4):
        optimizer.zero_grad()
        r.backward(train)
        optimizer.step()
        r.after_step()
    assert r.report.direction_norm > 0
