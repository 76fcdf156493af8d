"""A Reweigher is copied and pickled with all that it has learnt, and the copy goes on to the same bits."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import reweigh
from reweigh import L2RW, Learning, Reweigher, errors
from reweigh.alignment.candidates import CANDIDATES
from reweigh.alignment.ghost.cannot_separate import CannotSeparate
from reweigh.optimizers import ReversibleSGD
from reweigh.rules import ClassAwareWeightNet, ClassProportion, DeepInteraction, MetaWeightNet, RandomRectified


def batch_of(n, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=draw), "y": torch.randint(3, (n,), generator=draw)}


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def pair_loss(model, batch):
    return loss(model, {"x": batch[0], "y": batch[1]})


def as_dict(pairs):
    return {"x": torch.stack([x for x, _ in pairs]), "y": torch.stack([y for _, y in pairs])}


DATASET = TensorDataset(*batch_of(20, 7).values())
CLEAN = {
    "dict": lambda: batch_of(11, 9),
    "list": lambda: [batch_of(5, 9), batch_of(5, 8), batch_of(5, 7)],
    "loader": lambda: DataLoader(DATASET, batch_size=6, shuffle=True, collate_fn=as_dict),
    "loader with a generator": lambda: DataLoader(
        DATASET, batch_size=6, shuffle=True, collate_fn=as_dict, generator=torch.Generator()
    ),
}
RULES = {
    "l2rw": lambda: (L2RW(), {}),
    "kept direction": lambda: (L2RW(), {"clean_every": 3, "clean_average": 0.5}),
    "fast": lambda: (L2RW(), {"preset": "fast"}),
    "random": lambda: (RandomRectified(), {}),
    "proportion": lambda: (ClassProportion([3, 4, 5]), {}),
    "curve": lambda: (MetaWeightNet(hidden=4), {"learning": Learning(horizon=2)}),
    "classes": lambda: (ClassAwareWeightNet([3, 4, 5], hidden=4), {"learning": Learning(look_ahead="virtual")}),
    "teacher": lambda: (DeepInteraction(3, width=3, hidden=4), {"learning": Learning(horizon=3)}),
    "reverse": lambda: (MetaWeightNet(hidden=4), {"learning": Learning(horizon=2, memory="reverse")}),
}
COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda things: pickle.loads(pickle.dumps(things))}


def scene(rule, clean):
    torch.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    made, settings = RULES[rule]()
    kind = ReversibleSGD if rule == "reverse" else torch.optim.SGD
    optimizer = kind(model.parameters(), lr=0.05, momentum=0.9)
    if isinstance(made, MetaWeightNet | ClassAwareWeightNet | DeepInteraction):
        settings["optimizer"] = optimizer
    return model, optimizer, Reweigher(model, loss, rule=made, clean=CLEAN[clean](), **settings)


def steps(things, numbers):
    model, optimizer, by = things
    weights = []
    for k in numbers:
        optimizer.zero_grad()
        weights.append(by.backward(batch_of(9, k)).weights)
        optimizer.step()
        by.after_step()
    return [*weights, *(p.detach().clone() for p in model.parameters())]


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize(
    ("rule", "clean"), [*((rule, "dict") for rule in RULES), *(("l2rw", c) for c in CLEAN), ("teacher", "loader")]
)
def test_a_copy_goes_on_as_the_original_does(rule, clean, how):
    things = scene(rule, clean)
    steps(things, range(4))
    twin = COPIES[how](things)
    assert not {id(p) for p in things[0].parameters()} & {id(p) for p in twin[0].parameters()}
    wanted, found = steps(things, range(4, 9)), steps(twin, range(4, 9))
    assert all(torch.equal(a, b) for a, b in zip(wanted, found, strict=True))
    assert twin[2].explain().splitlines()[0] == things[2].explain().splitlines()[0]


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_before_the_first_batch(how):
    things = scene("teacher", "list")
    twin = COPIES[how](things)
    assert all(torch.equal(a, b) for a, b in zip(steps(things, range(4)), steps(twin, range(4)), strict=True))


def test_a_reweigher_copied_by_itself_weighs_by_a_model_of_its_own():
    model, _, by = things = scene("l2rw", "dict")
    steps(things, range(2))
    twin = copy.deepcopy(by)
    wanted = by.weigh(batch_of(9, 5))
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert torch.equal(twin.weigh(batch_of(9, 5)), wanted)


def test_a_copy_that_must_give_up_an_engine_goes_on_to_the_next():
    """After pickling the engines are other objects; which of them were tried must still be known."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)).eval()
    by = Reweigher(model, loss, rule=L2RW(), clean=batch_of(6, 9))
    by.weigh(batch_of(9))
    model, by = pickle.loads(pickle.dumps((model, by)))
    assert any(by._engine.chosen is engine for group in CANDIDATES.values() for engine in group)
    model.train()
    assert by.weigh(batch_of(9, 1)).isfinite().all()


def test_a_lambda_of_the_users_is_named_by_pythons_own_error():
    by = Reweigher(nn.Linear(6, 3), lambda m, b: loss(m, b), rule=L2RW(), clean=batch_of(6))
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(by)


@pytest.mark.parametrize("batches", [batch_of(11, 9), (torch.randn(11, 6), torch.randint(3, (11,)))])
def test_a_clean_set_of_tensors_is_pickled_with_its_place(batches):
    stream = reweigh.clean_stream.clean_stream(batches, batch_size=4)
    stream.next()
    twin = pickle.loads(pickle.dumps(stream))
    one, other = stream.next(), twin.next()
    first = (one["x"], other["x"]) if isinstance(one, dict) else (one[0], other[0])
    assert torch.equal(*first)


@pytest.mark.parametrize("clean", ["list", "loader", "loader with a generator"])
def test_a_stream_of_batches_is_copied_with_its_place(clean):
    stream = reweigh.clean_stream.clean_stream(CLEAN[clean]())
    stream.next(), stream.next()
    for twin in (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
        there = copy.deepcopy(stream)
        assert all(torch.equal(there.next()["x"], twin.next()["x"]) for _ in range(5))


@pytest.mark.parametrize(
    "error",
    [
        *(kind("one") for kind in (errors.BadInput, errors.EngineRefused, errors.NonFinite, errors.MissingExtra)),
        CannotSeparate("a (B)", "why"),
    ],
)
def test_errors_are_pickled(error):
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))


def test_reports_settings_and_engines_are_pickled():
    _, _, by = things = scene("l2rw", "dict")
    steps(things, range(2))
    twin = pickle.loads(pickle.dumps(by.report))
    assert twin.step == by.report.step
    assert torch.equal(twin.alignments, by.report.alignments)
    assert pickle.loads(pickle.dumps(Learning(horizon=3))) == Learning(horizon=3)
    for group in CANDIDATES.values():
        for engine in group:
            assert repr(pickle.loads(pickle.dumps(engine))) == repr(engine)


def test_a_ledger_is_pickled(tmp_path):
    ledger = reweigh.ledger.Ledger(tmp_path / "ledger")
    ledger.add([1, 2], [0.5, 0.5])
    twin = pickle.loads(pickle.dumps(ledger))
    twin.add([3], [1.0])
    assert twin.end_epoch().exists()
