"""Batches of any kind work wherever the library looks into one, or a sentence says what a batch may be."""

import collections
from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.fields import ids_in, labels_in


class Named(NamedTuple):
    x: Tensor
    y: Tensor
    id: Tensor


@dataclass
class Data:
    x: Tensor
    y: Tensor
    id: Tensor


@dataclass(frozen=True, slots=True)
class Frozen:
    x: Tensor
    y: Tensor
    id: Tensor


class Encoding(collections.UserDict):
    """As transformers' BatchEncoding: a mapping with attributes."""

    def __getattr__(self, name):
        try:
            return self.data[name]
        except KeyError:
            raise AttributeError(name) from None


class Plain:
    def __init__(self, x, y, id):
        self.x, self.y, self.id = x, y, id


KINDS = {
    "dict": dict, "named": Named, "dataclass": Data, "frozen": Frozen, "plain": Plain, "namespace": SimpleNamespace,
    "encoding": lambda **f: Encoding(f), "ordered": collections.OrderedDict,
}  # fmt: skip


def get(batch, name):
    return batch[name] if isinstance(batch, dict) else getattr(batch, name)


def loss(model, batch):
    return F.cross_entropy(model(get(batch, "x")), get(batch, "y"), reduction="none")


def fields(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, 6, generator=g), "y": torch.randint(3, (n,), generator=g), "id": torch.arange(n) + 50}


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def gradient(model):
    return torch.cat([p.grad.flatten() for p in model.parameters()])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("preset", ["exact", "fast"])
def test_weights_and_clean_sets_of_any_kind(kind, preset):
    expected, model = [], net()
    for make in (dict, KINDS[kind]):
        model = net()
        r = Reweigher(
            model, loss, rule=L2RW(), clean=make(**fields(12, 9)), clean_batch_size=5, preset=preset, engine="forward"
        )
        weights = r.backward(make(**fields(8, 1))).weights
        expected.append((weights, gradient(model)))
        if preset == "fast":
            assert "a pass over the other examples only" in r.explain()
    torch.testing.assert_close(*expected)


@pytest.mark.parametrize("kind", KINDS)
def test_labels_and_ids_are_found_by_key_or_attribute(kind):
    batch = KINDS[kind](**fields(8, 1))
    assert torch.equal(labels_in(batch), fields(8, 1)["y"])
    assert torch.equal(ids_in(batch), fields(8, 1)["id"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("horizon", [1, 2])
def test_rules_that_learn_take_any_kind(kind, horizon):
    from reweigh.learning import Learning

    found = []
    for make in (dict, KINDS[kind]):
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        learning = Learning(horizon=horizon)
        r = Reweigher(
            model, loss, rule=MetaWeightNet(), clean=make(**fields(12, 9)), optimizer=optimizer, learning=learning
        )
        for k in range(3):
            optimizer.zero_grad()
            weights = r.backward(make(**fields(8, k))).weights
            optimizer.step()
            r.after_step()
        found.append(weights)
    torch.testing.assert_close(*found)


class Graph:
    """As PyTorch Geometric's Data: attributes, and `.to`."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def to(self, device):
        return Graph(self.x.to(device), self.y.to(device))


def graphs(n, seed):
    g = torch.Generator().manual_seed(seed)
    sizes = torch.randint(2, 7, (n,), generator=g).tolist()
    return [Graph(torch.randn(size, 6, generator=g), torch.tensor([k % 3])) for k, size in enumerate(sizes)]


def of_graphs(model, batch):
    return torch.stack([F.cross_entropy(model(g.x).mean(0, keepdim=True), g.y) for g in batch])


@pytest.mark.parametrize("n", [2, 6, 8])
def test_lists_of_graphs_are_cut_by_graphs(n):
    found = []
    for preset in ("exact", "fast"):
        model = net()
        r = Reweigher(model, of_graphs, rule=L2RW(), clean=[graphs(5, 9)], preset=preset, layers="2", engine="forward")
        weights = r.backward(graphs(n, 1)).weights
        found.append((weights, gradient(model)))
    torch.testing.assert_close(*found)
    assert labels_in(graphs(3, 1)).tolist() == [0, 1, 2]


def test_ragged_lists_are_cut_by_examples():
    g = torch.Generator().manual_seed(0)
    xs = [torch.randn(size, 6, generator=g) for size in (4, 2, 4, 3)]  # two have as many rows as the batch has examples
    batch = {"xs": xs, "texts": ["a", "b", "c", "d"], "y": torch.tensor([0, 1, 2, 0])}

    def ragged(model, b):
        assert len(b["texts"]) == len(b["y"]) == len(b["xs"])
        return F.cross_entropy(torch.stack([model(x).mean(0) for x in b["xs"]]), b["y"], reduction="none")

    found = []
    for preset in ("exact", "fast"):
        model = net()
        r = Reweigher(model, ragged, rule=L2RW(), clean=[batch], preset=preset, layers="2", engine="forward")
        found.append((r.backward(batch).weights, gradient(model)))
        told = r.explain()
    torch.testing.assert_close(*found)
    assert "a pass over the other examples only" in told


def weighted(model, b):
    return F.cross_entropy(model(b["x"]), b["y"], weight=b["class_weights"], reduction="none")


def with_positions(model, b):
    return F.cross_entropy(model((b["x"] + b["positions"]).mean(1)), b["y"], reduction="none")


def odd(loss, n, seed):
    g = torch.Generator().manual_seed(seed)
    batch = {"y": torch.randint(3, (n,), generator=g)}
    if loss is weighted:
        return {**batch, "x": torch.randn(n, 6, generator=g), "class_weights": torch.tensor([1.0, 2.0, 3.0])}
    return {**batch, "x": torch.randn(n, 4, 6, generator=g), "positions": torch.linspace(0, 1, 24).view(4, 6)}


@pytest.mark.parametrize(("loss", "same"), [(weighted, 3), (with_positions, 4)])
@pytest.mark.parametrize("order", ["first", "later"])
def test_as_many_classes_or_positions_as_examples_are_not_cut(loss, same, order):
    sizes = [same, 9, same, 12] if order == "first" else [9, same, 12, same]
    found = []
    for skip in (False, True):
        model = net()
        clean = [odd(loss, 5, 90)]
        r = Reweigher(model, loss, rule=L2RW(), clean=clean, skip_zeros=skip, engine="forward")
        for k, n in enumerate(sizes):
            r.backward(odd(loss, n, k))
        found.append(gradient(model))
        told = r.explain()
    torch.testing.assert_close(*found)
    assert "a pass over the other examples only" in told


def test_what_cannot_be_a_batch_is_said():
    with pytest.raises(BadInput, match=r"no labels found in a batch of type int.*a tuple, list, NamedTuple, dict"):
        labels_in(3)
    with pytest.raises(BadInput, match="no labels found in a batch of type SimpleNamespace, which has 'x'"):
        labels_in(SimpleNamespace(x=1))
    with pytest.raises(BadInput, match="the labels found in the batch are a list that makes no tensor"):
        labels_in({"y": ["cat", "dog"]})
    assert ids_in({"id": ["a", "b"]}) == ["a", "b"]


class Examples(Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, k):
        return Data(torch.ones(2), torch.tensor(0), torch.tensor(k))


class Ragged(Examples):
    def __getitem__(self, k):
        return {"x": torch.ones(k + 1), "y": 0}


@pytest.mark.parametrize("source", [Examples, Ragged])
def test_a_clean_dataset_that_cannot_be_collated_is_said(source):
    r = Reweigher(net(), loss, rule=L2RW(), clean=source())
    with pytest.raises(BadInput, match=r"cannot be put together.*collate_fn of your training loader"):
        r.weigh(fields(4, 1))


def test_a_clean_set_may_hold_arrays_and_lists():
    clean = {"x": fields(5, 1)["x"].numpy(), "y": fields(5, 1)["y"], "words": list("abcde")}

    def of_arrays(model, b):
        assert len(b.get("words", b["y"])) == len(b["y"])
        return F.cross_entropy(model(torch.as_tensor(b["x"])), b["y"], reduction="none")

    assert Reweigher(net(), of_arrays, rule=L2RW(), clean=clean, clean_batch_size=3).weigh(fields(6, 2)).sum() > 0
