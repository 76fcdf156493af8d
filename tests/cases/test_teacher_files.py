"""A trained rule's file: whole ones load in any process and under any default type, all others get one sentence."""

import itertools
import json
import random
import struct
import time
import tracemalloc

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from damaged_teachers import DAMAGE, OF_THE_TEACHER, mutated, told
from reweigh import ClassAwareWeightNet, DeepInteraction, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.rules import Evidence, read_rule
from reweigh.states import Seen

MAKERS = {
    "meta-weight-net": lambda: MetaWeightNet(hidden=5),
    "class-aware": lambda: ClassAwareWeightNet([5, 1, 9], families="each", hidden=4),
    "deep-interaction": lambda: DeepInteraction(3, width=4, hidden=6),
    "internal": lambda: DeepInteraction(3, width=4, hidden=6, interaction=False),
    "interaction": lambda: DeepInteraction(3, width=4, hidden=6, internal=False),
    "surface": lambda: DeepInteraction(3, width=4, hidden=6, internal=False, interaction=False),
}


class Student(nn.Module):
    """Thirteen internal states of different widths: sorted as words they are in another order."""

    def __init__(self):
        super().__init__()
        widths = [4, *range(16, 4, -1), 3]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).tanh()
        return x


def evidence_of(rule):
    batch = {"x": torch.randn(6, 4), "y": torch.arange(6) % 3}
    widths = {f"layers.{k}": 16 - k for k in range(12)}
    if isinstance(rule, DeepInteraction):
        rule._places = list(widths) if rule.internal or rule.interaction else []
    seen = Seen({place: torch.randn(6, width) for place, width in widths.items()}, torch.randn(6, 3))
    losses = torch.rand(6)
    return Evidence(6, losses, batch, losses=losses, look_up=lambda b: b["y"], seen=seen, memory=rule.memory())


@pytest.fixture
def saved(tmp_path):
    def of(name):
        rule, path = MAKERS[name](), tmp_path / f"{name}.safetensors"
        evidence = evidence_of(rule)
        before = rule.weigh(evidence)
        rule.save(path)
        return rule, path, evidence, before

    return of


def load(name, path):
    return type(MAKERS[name]()).load(path)


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_whole_file_loads_whatever_the_order_of_its_tensors(name, dtype, saved, default_dtype):
    rule, path, evidence, before = saved(name)
    default_dtype(dtype)
    for seed in range(6):
        tensors = list(load_file(path).items())
        random.Random(seed).shuffle(tensors)
        header = {"reweigh_rule": json.dumps({"name": rule.name, "config": rule.config()})}
        path.write_bytes(reordered(dict(tensors), header))
        loaded = load(name, path)
        if isinstance(loaded, DeepInteraction):
            loaded._places = rule._places
        assert torch.equal(loaded.weigh(evidence), before)
        assert loaded.frozen
        assert all(p.dtype == torch.float32 and not p.requires_grad for p in loaded.net.parameters())


@pytest.fixture
def default_dtype():
    yield torch.set_default_dtype
    torch.set_default_dtype(torch.float32)


def reordered(tensors, metadata):
    """A safetensors file with the header in this very order; the library's own is that of a hash table."""
    header, body = {"__metadata__": metadata}, b""
    for name, t in tensors.items():
        raw = t.contiguous().numpy().tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + body


def test_a_state_of_several_widths_comes_back_in_any_order(saved):
    rule, _, evidence, before = saved("deep-interaction")
    state = rule.state_dict()
    for seed in range(5):
        tensors = list(state["net"].items())
        random.Random(seed).shuffle(tensors)
        fresh = MAKERS["deep-interaction"]()
        fresh.load_state_dict({**state, "net": dict(tensors)})
        assert torch.equal(fresh.weigh(evidence), before)


@pytest.mark.parametrize("name", ["meta-weight-net", "class-aware", "deep-interaction", "interaction"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_gets_one_sentence(name, damage, saved):
    _, path, _, _ = saved(name)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    refused(name, path)


@pytest.mark.parametrize("damage", OF_THE_TEACHER)
def test_settings_that_only_a_teacher_has(damage, saved):
    _, path, _, _ = saved("deep-interaction")
    path.write_bytes(OF_THE_TEACHER[damage](path.read_bytes()))
    refused("deep-interaction", path)


@pytest.mark.parametrize("sizes", ["x", [], [1.5, 2, 3], [-1, 2, 3], [10**30, 1, 1], {"a": 1}, None, [[1], [2]]])
def test_sizes_that_are_no_counts(sizes, saved):
    _, path, _, _ = saved("class-aware")
    path.write_bytes(told(sizes=sizes)(path.read_bytes()))
    refused("class-aware", path)


def refused(name, path):
    with pytest.raises(BadInput) as caught:
        load(name, path)
    said = str(caught.value)
    assert path.name in said
    assert "\n" not in said
    assert len(said) < 600


def test_memory_follows_what_the_file_holds(saved):
    _, path, _, _ = saved("meta-weight-net")
    path.write_bytes(told(hidden=10**11)(path.read_bytes()))
    tracemalloc.start()
    started = time.perf_counter()
    refused("meta-weight-net", path)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    assert time.perf_counter() - started < 5
    tracemalloc.stop()


def test_what_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "none.safetensors"):
        with pytest.raises(BadInput, match="cannot be read"):
            read_rule(path)


KINDS = ["meta-weight-net", "class-aware", "deep-interaction"]


@pytest.mark.parametrize(("name", "other"), [(one, two) for one in KINDS for two in KINDS if one != two])
def test_another_rules_file(name, other, saved):
    _, path, _, _ = saved(name)
    with pytest.raises(BadInput, match=f"holds a {name} rule, not {other}"):
        load(other, path)


def test_three_hundred_mutated_files(tmp_path):
    """Bytes changed, cut, doubled, exchanged: a sentence, or a rule whose numbers are all finite; nothing else, ever."""
    random.seed(1)
    draw, loaded, said = random.Random(14), 0, []
    path = tmp_path / "teacher.safetensors"
    for k in range(300):
        name = list(MAKERS)[k % len(MAKERS)]
        rule = MAKERS[name]()
        rule.weigh(evidence_of(rule))
        rule.save(path)
        path.write_bytes(mutated(path.read_bytes(), draw))
        try:
            found = load(name, path)
        except BadInput as error:
            said.append(str(error))
            continue
        loaded += 1
        assert all(bool(torch.isfinite(p).all()) for p in found.net.parameters())
    assert loaded < 150
    assert not any("\n" in sentence for sentence in said)


BAD_STATES = {
    "nothing": lambda s: None,
    "a list": lambda s: [s],
    "no net": lambda s: {k: v for k, v in s.items() if k != "net"},
    "a net that is a word": lambda s: {**s, "net": "x"},
    "a net of numbers": lambda s: {**s, "net": dict.fromkeys(s["net"], 1.0)},
    "a lost tensor": lambda s: {**s, "net": dict(list(s["net"].items())[1:])},
    "NaN": lambda s: {**s, "net": {k: v * float("nan") for k, v in s["net"].items()}},
    "another shape": lambda s: {**s, "net": {k: v[..., None] for k, v in s["net"].items()}},
    "other settings": lambda s: {**s, "config": {}},
}
BAD_STATES_OF_THE_TEACHER = {
    "places that are a word": lambda s: {**s, "places": "layer"},
    "no means": lambda s: {k: v for k, v in s.items() if k != "means"},
    "means that are a list": lambda s: {**s, "means": [1]},
    "means without rows": lambda s: {**s, "means": {"a": {"seen": torch.ones(3, dtype=torch.bool)}}},
    "means of more classes": lambda s: {**s, "means": {"a": {"rows": torch.ones(4, 2), "seen": torch.ones(4) > 0}}},
    "means of NaN": lambda s: {**s, "means": {"a": {"rows": torch.full((3, 2), torch.nan), "seen": torch.ones(3) > 0}}},
    "means that are numbers": lambda s: {**s, "means": {"a": {"rows": 1.0, "seen": True}}},
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name in ("meta-weight-net", "class-aware", "deep-interaction") for damage in BAD_STATES]
    + [("deep-interaction", damage) for damage in BAD_STATES_OF_THE_TEACHER],
)
def test_a_damaged_state_gets_one_sentence_and_changes_nothing(name, damage, saved):
    rule, _, evidence, before = saved(name)
    state = {**BAD_STATES, **BAD_STATES_OF_THE_TEACHER}[damage](rule.state_dict())
    with pytest.raises(BadInput) as caught:
        rule.load_state_dict(state)
    assert "\n" not in str(caught.value)
    assert torch.equal(rule.weigh(evidence), before)


def test_a_trained_teacher_weighs_after_loading(tmp_path):
    def losses(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    data = {"x": torch.randn(12, 4), "y": torch.arange(12) % 3}
    model = Student()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    rule = DeepInteraction(3, states=["layers.*"])
    by_rule = Reweigher(model, losses, rule=rule, clean=[data], optimizer=optimizer)
    for _ in range(2):
        optimizer.zero_grad()
        by_rule.backward(data)
        optimizer.step()
        by_rule.after_step()
    rule.save(tmp_path / "teacher.safetensors")
    loaded = DeepInteraction.load(tmp_path / "teacher.safetensors")
    other = Reweigher(model, losses, rule=loaded, clean=[data], optimizer=optimizer)
    assert bool((other.weigh(data) > 0).all())
    assert loaded.net.widths == rule.net.widths == [*range(16, 4, -1), 3]
