"""The teacher: what it is told, what it can tell apart, and what is left of it on disk."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import DeepInteraction, Learning, Reweigher
from reweigh.errors import BadInput
from reweigh.rules import Evidence
from reweigh.states import Seen, watching

ABLATIONS = {
    "surface only": {"internal": False, "interaction": False},
    "internal only": {"surface": False, "interaction": False},
    "interaction only": {"surface": False, "internal": False},
    "internal and interaction": {"surface": False},
    "all": {},
}


class Student(nn.Module):
    def __init__(self, width=8, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.body = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
            self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(self.body(x))


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def batch_of(seed, size=10):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 6, generator=generator)
    return {"x": x, "y": torch.randint(3, (size,), generator=generator)}


def evidence_of(rule, model, batch):
    with watching(model, rule.places(model), follow=True) as seen:
        found = losses(model, batch)
    return Evidence(len(found), found, batch, losses=found, look_up=lambda b: b["y"], seen=seen, memory=rule.memory())


def shown_the_clean_set(rule, model):
    with watching(model, rule.places(model)) as seen, torch.no_grad():
        model(batch_of(7, 30)["x"])
    rule.see_clean(seen, batch_of(7, 30)["y"])


@pytest.mark.parametrize("told", ABLATIONS.values(), ids=ABLATIONS)
def test_the_gradient_reaches_everything_that_is_told(told):
    """Every parameter of the teacher, and every state: where something is switched off, nothing of it is there."""
    model, rule = Student(), DeepInteraction(3, **told)
    rule.normalise = "mean"
    shown_the_clean_set(rule, model)
    evidence = evidence_of(rule, model, batch_of(1))
    for state in evidence.seen.states.values():
        state.retain_grad()
    weights = rule.weights(evidence)
    (weights * torch.arange(10.0)).sum().backward()
    for name, p in rule.net.named_parameters():
        assert p.grad is not None, name
        assert bool(p.grad.any()), name
    reads_states = rule.internal or rule.interaction
    assert len(evidence.seen.states) == (3 if reads_states else 0)
    for place, state in evidence.seen.states.items():
        assert bool(state.grad.any()), place
    assert bool(((weights > 0) & (weights < 0.1)).all())


def test_the_states_found_by_themselves_are_said():
    model = Student()
    rule = DeepInteraction(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    reweigher = Reweigher(model, losses, rule=rule, clean=[batch_of(2)], optimizer=optimizer)
    assert "internal states: body.0, body.2, head:input" in reweigher.explain()


def test_one_pass_shows_the_states_and_nothing_is_left_on_the_model():
    model, calls = Student(), []
    model.body[0].register_forward_hook(lambda *_: calls.append(1))
    hooks = len(model.body[0]._forward_hooks)
    rule = DeepInteraction(3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    reweigher = Reweigher(model, losses, rule=rule, clean=[batch_of(2)], optimizer=optimizer)
    reweigher.backward(batch_of(1))  # the first time, the model is looked at twice more
    calls.clear()
    reweigher.backward(batch_of(1))
    assert len(calls) == 1
    assert len(model.body[0]._forward_hooks) == hooks
    assert all(not part._forward_hooks for part in model.modules() if part is not model.body[0])


def two_groups(count, seed):
    """Features of two kinds; of the second kind half the labels are wrong, so that losses tell nothing."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(2, (count,), generator=generator)
    odd = torch.rand(count, generator=generator) < 0.5
    x = torch.zeros(count, 6)
    x[:, 0], x[:, 1] = odd.float() * 2 - 1, (y * 2.0 - 1) * (~odd)
    x[:, 2] = (y * 2.0 - 1) * odd
    x = x + 0.1 * torch.randn(count, 6, generator=generator)
    return x, y, odd


def separation(told, steps=150):
    """How well the teacher's weights tell a corrupted group from a sound one, as an AUROC.

    The student's output layer is cut off from what it learns: it stays at zero, so that all losses are log 2 at any time.
    """
    from reweigh.metrics import auroc

    x, y, odd = two_groups(400, 0)
    given = torch.where(odd, 1 - y, y)
    clean_x, clean_y, _ = two_groups(200, 1)
    model = Student(16)
    model.head = nn.Linear(16, 2)
    nn.init.zeros_(model.head.weight), nn.init.zeros_(model.head.bias)
    start = copy.deepcopy(model.state_dict())
    rule = DeepInteraction(2, states=["body.2"], normalise="mean", **told)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    reweigher = Reweigher(
        model, losses, rule=rule, clean={"x": clean_x, "y": clean_y}, optimizer=optimizer, learning=Learning(lr=0.02)
    )
    generator = torch.Generator().manual_seed(2)
    for _ in range(steps):
        rows = torch.randint(400, (100,), generator=generator)
        model.load_state_dict(start)
        optimizer.zero_grad()
        found, _ = reweigher.backward({"x": x[rows], "y": given[rows]})
        assert torch.allclose(found, found[0].expand(100))
        optimizer.step()
        reweigher.after_step()
    model.load_state_dict(start)
    weights = reweigher.weigh({"x": x, "y": given})
    return float(auroc(-weights, odd))


def test_internal_states_tell_apart_what_the_surface_cannot():
    """Two groups with the same losses, of which one is corrupted: only their features differ."""
    assert separation({"internal": False, "interaction": False}) < 0.6
    assert separation({"surface": False, "interaction": False}) > 0.95
    assert separation({}) > 0.95


def test_a_saved_teacher_is_frozen_and_weighs_the_same(tmp_path):
    model, rule = Student(), DeepInteraction(3)
    rule.weigh(evidence_of(rule, model, batch_of(1)))
    rule.save(tmp_path / "teacher.safetensors")
    loaded = DeepInteraction.load(tmp_path / "teacher.safetensors")
    loaded.places(model)
    evidence = evidence_of(loaded, model, batch_of(3))
    torch.testing.assert_close(loaded.weigh(evidence), rule.weigh(evidence), rtol=0, atol=0)
    assert loaded.frozen
    assert loaded.config() == rule.config()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    reweigher = Reweigher(model, losses, rule=loaded, clean=[batch_of(2)], optimizer=optimizer)
    before = copy.deepcopy(loaded.net.state_dict())
    for seed in range(3):
        optimizer.zero_grad()
        reweigher.backward(batch_of(seed))
        optimizer.step()
        reweigher.after_step()
    torch.testing.assert_close(loaded.net.state_dict(), before, rtol=0, atol=0)
    assert loaded.memory()  # the clean class means are this student's


def test_a_teacher_without_vectors_fits_another_width_and_one_with_them_says_so(tmp_path):
    for internal in (False, True):
        rule = DeepInteraction(3, internal=internal)
        rule.weigh(evidence_of(rule, Student(), batch_of(1)))
        rule.save(tmp_path / "teacher.safetensors")
        loaded, wider = DeepInteraction.load(tmp_path / "teacher.safetensors"), Student(12)
        loaded.places(wider)
        if internal:
            with pytest.raises(BadInput, match=r"widths \[8, 8, 8\].*\[12, 12, 12\].*internal=False"):
                loaded.weigh(evidence_of(loaded, wider, batch_of(1)))
        else:
            assert loaded.weigh(evidence_of(loaded, wider, batch_of(1))).shape == (10,)


def test_an_interaction_follows_the_clean_class_means():
    model, rule = Student(), DeepInteraction(3, surface=False, internal=False)
    before = rule.weigh(evidence_of(rule, model, batch_of(1)))
    shown_the_clean_set(rule, model)
    assert not torch.allclose(rule.weigh(evidence_of(rule, model, batch_of(1))), before)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"classes": 3, "surface": False, "internal": False, "interaction": False}, "told nothing"),
        ({"classes": 0}, "number of classes"),
        ({"classes": 3, "normalise": "max"}, "choose one of sum, mean"),
    ],
)
def test_bad_settings(arguments, sentence):
    with pytest.raises(BadInput, match=sentence):
        DeepInteraction(**arguments)


def test_bad_batches():
    model, rule = Student(), DeepInteraction(2)
    with pytest.raises(BadInput, match="a label is 2 but the teacher was made for 2 classes"):
        rule.weigh(evidence_of(rule, model, batch_of(1)))
    with pytest.raises(BadInput, match=r"'tail' names no submodule of Student: its submodules are 'body'"):
        DeepInteraction(3, states=["tail"]).places(model)


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"not a teacher at all, but long enough"])
def test_a_file_that_is_no_teacher(content, tmp_path):
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a rule saved by reweigh"):
        DeepInteraction.load(path)
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        DeepInteraction.load(tmp_path / "nothing")


def test_another_rules_file(tmp_path):
    from reweigh import MetaWeightNet

    rule, model = MetaWeightNet(), Student()
    with pytest.raises(BadInput, match="has learned nothing yet"):
        rule.save(tmp_path / "rule.safetensors")
    found = losses(model, batch_of(1)).detach()
    rule.weigh(Evidence(len(found), found, batch_of(1), losses=found))
    rule.save(tmp_path / "rule.safetensors")
    with pytest.raises(BadInput, match="holds a meta-weight-net rule, not deep-interaction"):
        DeepInteraction.load(tmp_path / "rule.safetensors")


def test_states_without_logits_leave_the_surface_to_the_losses():
    rule = DeepInteraction(3, internal=False, interaction=False)
    rule._places = []
    found = torch.rand(10)
    evidence = Evidence(10, found, batch_of(1), losses=found, look_up=lambda b: b["y"], seen=Seen())
    assert rule.weigh(evidence).shape == (10,)
