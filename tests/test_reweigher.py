"""The Reweigher in a training loop: one answer by all its doors, honest reports, and a clean way to stop and resume."""

import io
import math
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.alignment import Double, Engine, Finite, Forward
from reweigh.errors import BadInput, NonFinite
from reweigh.rules import ClassProportion, ClassResampling, HardMining, Oracle, RandomRectified, Rule, Uniform

ENGINES = ["auto", "ghost", "forward", "finite", "double"]


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def mlp(dropout=0.0, engine="auto"):
    """With batch normalisation, which mixes examples; for ghost, which refuses that, with one within an example."""
    torch.manual_seed(3)
    norm = nn.LayerNorm(8) if engine == "ghost" else nn.BatchNorm1d(8)
    layers = nn.Linear(4, 8), norm, nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3)
    return nn.Sequential(*layers).double()


def batch_of(seed, size=12):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=generator).double()
    return {"x": x, "y": torch.randint(3, (size,), generator=generator), "id": torch.arange(size) + 100}


CLEAN = batch_of(50, 9)
RULES = {
    "l2rw": L2RW,
    "uniform": Uniform,
    "random": lambda: RandomRectified(2),
    "proportion": lambda: ClassProportion([5, 4, 3]),
    "resampling": ClassResampling,
    "hard-mining": HardMining,
    "oracle": lambda: Oracle(lambda batch: batch["id"] % 2 == 0),
}


def reweigher(model, rule=None, **options):
    return Reweigher(model, losses, rule=rule or L2RW(), **{"clean": [CLEAN], **options})


def grads_of(model):
    return {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


def assert_same(found, expected, tolerance=0.0):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rule", RULES)
def test_weigh_and_backward_give_the_same(rule, engine):
    """Weights, gradients, losses, buffers and generators: whether the passes are shared or one's own."""
    apart, fused = mlp(0.3, engine), mlp(0.3, engine)
    by_hand, at_once = reweigher(apart, RULES[rule](), engine=engine), reweigher(fused, RULES[rule](), engine=engine)
    for seed in range(2):
        torch.manual_seed(seed)
        weights = by_hand.weigh(batch_of(seed))
        own = losses(apart, batch_of(seed))
        own.backward(weights)
        after = torch.get_rng_state()
        torch.manual_seed(seed)
        found = at_once.backward(batch_of(seed))
        assert_same(found.weights, weights, 1e-6)
        assert_same(found.losses, own.detach(), 1e-9)
        assert torch.equal(torch.get_rng_state(), after)
    assert_same(grads_of(fused), grads_of(apart), 1e-6)
    assert_same(dict(fused.named_buffers()), dict(apart.named_buffers()), 1e-9)
    assert not found.losses.requires_grad
    assert not found.weights.requires_grad


def test_the_gradient_is_that_of_the_weighted_losses():
    model, twin = mlp(), mlp()
    _, weights = reweigher(model).backward(batch_of(1))
    (losses(twin, batch_of(1)) * weights).sum().backward()
    assert_same(grads_of(model), grads_of(twin), 1e-9)


@pytest.mark.parametrize("rule", ["l2rw", "uniform"])
def test_backward_adds_to_the_gradient_that_is_there(rule):
    fresh, filled = mlp(), mlp()
    for p in filled.parameters():
        p.grad = torch.full_like(p, 2.0)
    kept = filled[0].weight.grad
    reweigher(fresh, RULES[rule]()).backward(batch_of(1))
    reweigher(filled, RULES[rule]()).backward(batch_of(1))
    assert_same(grads_of(filled), {name: g + 2.0 for name, g in grads_of(fresh).items()}, 1e-9)
    assert filled[0].weight.grad is kept


def test_the_weights_are_l2rw_of_the_alignments():
    model = mlp()
    along = alignments(model, losses, batch_of(1), clean_direction(model, losses, CLEAN)).clamp(min=0)
    assert_same(reweigher(model).weigh(batch_of(1)), along / along.sum(), 1e-9)


@pytest.mark.parametrize("fused", [False, True])
def test_the_report_by_hand(fused):
    model = mlp()
    direction = clean_direction(model, losses, CLEAN)
    along = alignments(model, losses, batch_of(1), direction)
    clean_loss = losses(mlp(), CLEAN).mean().item()
    by_rule = reweigher(model)
    assert by_rule.report is None
    weights = by_rule.backward(batch_of(1)).weights if fused else by_rule.weigh(batch_of(1))
    report = by_rule.report
    assert report.step == 1
    assert report.direction_norm == pytest.approx(math.sqrt(sum(float(v.square().sum()) for v in direction.values())))
    assert report.clean_loss == pytest.approx(clean_loss)
    assert_same(report.alignments, along, 1e-9)
    assert report.effective_sample_size == pytest.approx(float(weights.sum() ** 2 / weights.square().sum()))
    assert report.zero_share == pytest.approx(float((along <= 0).double().mean()))
    assert 0 < report.zero_share < 1
    by_rule.weigh(batch_of(2))
    assert by_rule.report.step == 2


def test_the_report_of_a_rule_without_alignments():
    by_rule = reweigher(mlp(), Uniform())
    by_rule.weigh(batch_of(1))
    assert by_rule.report.alignments is None
    assert math.isnan(by_rule.report.direction_norm)
    assert by_rule.report.effective_sample_size == pytest.approx(12)
    assert by_rule.report.zero_share == 0.0


def test_warm_up_counts_uniformly_and_takes_no_clean_batch():
    model = mlp()
    taken = []

    class Source:
        def __iter__(self):
            for index in range(4):
                taken.append(index)
                yield CLEAN

    by_rule = reweigher(model, clean=Source(), warm_up=2)
    assert by_rule.weigh(batch_of(0)).tolist() == pytest.approx([1 / 12] * 12)
    assert by_rule.backward(batch_of(1)).weights.tolist() == pytest.approx([1 / 12] * 12)
    assert math.isnan(by_rule.report.direction_norm)
    assert taken == []
    assert len(by_rule.weigh(batch_of(2)).unique()) > 2
    assert len(taken) == 1


def with_nan(seed=1, rows=(2, 5), **without):
    batch = batch_of(seed)
    batch["x"][list(rows)] = float("nan")
    return {key: value for key, value in batch.items() if key not in without.get("drop", ())}


@pytest.mark.parametrize("rule", ["l2rw", "uniform", "hard-mining"])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(("drop", "named"), [((), "ids [102, 105]"), (("id",), "positions [2, 5] of the batch")])
def test_what_is_not_finite_is_named_and_no_gradient_is_touched(rule, fused, drop, named):
    model = nn.Sequential(nn.Linear(4, 3)).double()
    model[0].bias.grad = torch.ones(3).double()
    by_rule = reweigher(model, RULES[rule]())
    with pytest.raises(NonFinite) as caught:
        (by_rule.backward if fused else by_rule.weigh)(with_nan(drop=drop))
    assert named in str(caught.value)
    assert "step 1" in str(caught.value)
    assert model[0].weight.grad is None
    assert model[0].bias.grad.tolist() == [1.0] * 3
    assert by_rule.report is None
    assert by_rule.state_dict()["step"] == 0


def test_ids_by_a_function():
    model = nn.Sequential(nn.Linear(4, 3)).double()
    by_rule = reweigher(model, ids=lambda batch: batch["y"] * 0 + torch.arange(12) * 7)
    with pytest.raises(NonFinite, match=r"ids \[14, 35\]"):
        by_rule.weigh(with_nan())


def test_clean_examples_that_are_not_finite():
    with pytest.raises(NonFinite, match="clean"):
        reweigher(nn.Sequential(nn.Linear(4, 3)).double(), clean=[with_nan()]).backward(batch_of(1))


def test_a_vanishing_clean_gradient_is_said_once_with_what_to_do():
    scale = {"now": 1.0}
    by_rule = reweigher(mlp(), clean_loss=lambda m, b: scale["now"] * losses(m, b))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for step in range(250):
            scale["now"] = 1.0 if step < 3 else 1e-8
            by_rule.weigh(batch_of(1))
    said = [str(w.message) for w in seen if "vanished" in str(w.message)]
    assert len(said) == 1
    assert "stop here or add clean examples" in said[0]


def test_the_weights_stop_there_where_that_is_wanted():
    scale = {"now": 1.0}
    by_rule, named = (
        reweigher(
            mlp(), clean_loss=lambda m, b: scale["now"] * losses(m, b), when_vanished=Uniform() if stops else None
        )
        for stops in (True, False)
    )
    uniform, at = torch.full((len(batch_of(1)["y"]),), 1 / len(batch_of(1)["y"])).double(), None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in range(1, 251):
            scale["now"] = 1.0 if step <= 3 else 1e-8
            weights, others = by_rule.weigh(batch_of(1)), named.weigh(batch_of(1))
            plain = torch.allclose(weights.double(), uniform)
            assert plain is (at is not None)
            at = at or by_rule.state_dict()["watch"]["vanished_at"] or None
    assert at is not None
    assert not torch.allclose(others.double(), uniform)
    again = reweigher(mlp(), when_vanished=Uniform())
    again.load_state_dict(by_rule.state_dict())  # a resumed run goes on as it was
    assert torch.allclose(again.weigh(batch_of(1)).double(), uniform)


def saved(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


CLEAN_SOURCES = {
    "tensors": lambda: {"clean": batch_of(9, 20), "clean_batch_size": 6},
    "loader": lambda: {
        "clean": torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(*list(batch_of(9, 20).values())[:2]),
            batch_size=6,
            shuffle=True,
            collate_fn=lambda rows: dict(zip("xy", torch.utils.data.default_collate(rows), strict=True)),
        )
    },
}


@pytest.mark.parametrize("clean", CLEAN_SOURCES)
@pytest.mark.parametrize("rule", ["l2rw", "random"])
def test_saved_and_loaded_it_gives_the_same_weights(rule, clean):
    model = mlp()
    one = reweigher(model, RULES[rule](), **CLEAN_SOURCES[clean](), seed=1, warm_up=1)
    for seed in range(5):
        one.weigh(batch_of(seed))
    state = saved(one.state_dict())
    expected = [one.weigh(batch_of(seed)) for seed in range(10, 16)]
    torch.manual_seed(77)
    other = reweigher(model, RULES[rule](), **CLEAN_SOURCES[clean](), seed=2, warm_up=1)
    other.load_state_dict(state)
    assert {key: other.state_dict()[key] for key in ("watch", "clean", "step")} == {
        key: state[key] for key in ("watch", "clean", "step")
    }
    assert_same([other.weigh(batch_of(seed)) for seed in range(10, 16)], expected)
    assert other.report.step == 11
    if rule == "l2rw":
        assert other.explain().splitlines()[0] == one.explain().splitlines()[0]


def test_resumed_within_the_warm_up_it_goes_on_warming_up():
    one, other = reweigher(mlp(), warm_up=3), reweigher(mlp(), warm_up=3)
    one.weigh(batch_of(0))
    other.load_state_dict(saved(one.state_dict()))
    counts = [len(other.weigh(batch_of(seed)).unique()) for seed in range(3)]
    assert counts[:2] == [1, 1]
    assert counts[2] > 1


def test_a_checkpoint_of_another_rule_changes_nothing():
    one, other = reweigher(mlp(), Uniform()), reweigher(mlp())
    one.weigh(batch_of(0))
    before = other.state_dict()
    with pytest.raises(BadInput, match="rule 'uniform', not 'l2rw'"):
        other.load_state_dict(one.state_dict())
    assert other.state_dict() == before


def test_a_checkpoint_of_another_clean_set_is_refused():
    one, other = reweigher(mlp(), clean=batch_of(9, 20)), reweigher(mlp(), clean=batch_of(9, 10))
    with pytest.raises(BadInput, match="clean set has 10 examples"):
        other.load_state_dict(one.state_dict())


def test_labels_by_default_and_by_a_function():
    batch = batch_of(1)
    expected = ClassProportion([1, 2, 4])
    by_default = reweigher(mlp(), expected).weigh(batch)
    moved = {"x": batch["x"], "given": batch["y"]}

    def own(model, b):
        return F.cross_entropy(model(b["x"]), b["given"], reduction="none")

    by_function = Reweigher(mlp(), own, rule=ClassProportion([1, 2, 4]), clean=[CLEAN], labels=lambda b: b["given"])
    assert_same(by_function.weigh(moved), by_default)
    with pytest.raises(BadInput, match="labels="):
        Reweigher(mlp(), own, rule=ClassProportion([1, 2, 4]), clean=[CLEAN]).weigh(moved)


def test_a_batch_that_is_a_pair():
    def own(model, pair):
        return F.cross_entropy(model(pair[0]), pair[1], reduction="none")

    x, y, _ = batch_of(1).values()
    clean = tuple(CLEAN.values())[:2]
    found = Reweigher(mlp(), own, rule=L2RW(), clean=[clean]).weigh((x, y))
    assert_same(found, reweigher(mlp()).weigh(batch_of(1)), 1e-12)
    half = Reweigher(mlp(), own, rule=ClassProportion([1, 2, 4]), clean=clean).weigh((x, y))
    assert_same(half, reweigher(mlp(), ClassProportion([1, 2, 4])).weigh(batch_of(1)), 1e-12)


def test_layers_restrict_the_alignments_but_not_the_training():
    model = mlp()
    direction = clean_direction(model, losses, CLEAN, layers="4")
    along = alignments(model, losses, batch_of(1), direction).clamp(min=0)
    by_rule = reweigher(model, layers="4")
    _, weights = by_rule.backward(batch_of(1))
    assert_same(weights, along / along.sum(), 1e-9)
    assert by_rule.report.direction_norm == pytest.approx(
        math.sqrt(float(direction["4.weight"].square().sum() + direction["4.bias"].square().sum()))
    )
    twin = mlp()
    losses(twin, batch_of(1)).backward(weights)
    assert_same(grads_of(model), grads_of(twin), 1e-9)


@pytest.mark.parametrize("engine", [Forward(), Double(), Finite(), Finite(1e-4)])
def test_engine_objects_are_taken_as_they_are(engine):
    by_rule = reweigher(mlp(), engine=engine)
    assert_same(by_rule.weigh(batch_of(1)), reweigher(mlp()).weigh(batch_of(1)), 1e-5)
    assert by_rule.explain() == f"{engine!r}, as given"
    assert by_rule.state_dict()["engine"] is None


def test_an_engine_of_ones_own():
    class Counting(Engine):
        name, exact = "counting", True

        def alignments(self, task, direction):
            return torch.arange(12).double()

    found = reweigher(mlp(), engine=Counting()).backward(batch_of(1)).weights
    assert_same(found, torch.arange(12).double() / 66)


def test_clean_examples_by_a_loss_of_their_own():
    model = mlp()
    clean = {"inputs": CLEAN["x"], "scores": torch.randn(9, 3).double()}

    def squared(m, b):
        return (m(b["inputs"]) - b["scores"]).square().mean(1)

    by_rule = reweigher(model, clean=[clean], clean_loss=squared)
    along = alignments(model, losses, batch_of(1), clean_direction(model, squared, clean)).clamp(min=0)
    assert_same(by_rule.weigh(batch_of(1)), along / along.sum(), 1e-9)
    assert by_rule.report.clean_loss == pytest.approx(squared(mlp(), clean).mean().item())


@pytest.mark.parametrize("options", [{"clean_weight_decay": 0.5}, {"optimizer": True}])
def test_decay_and_optimizer_reach_the_clean_direction(options):
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, eps=1e-2)
    losses(model, batch_of(7)).mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    plain = reweigher(model).weigh(batch_of(1))
    if "optimizer" in options:
        options = {"optimizer": optimizer}
        direction = clean_direction(model, losses, CLEAN, optimizer=optimizer)
    else:
        direction = clean_direction(model, losses, CLEAN, weight_decay=0.5)
    along = alignments(model, losses, batch_of(1), direction).clamp(min=0)
    found = reweigher(model, **options).weigh(batch_of(1))
    assert_same(found, along / along.sum(), 1e-9)
    assert not torch.allclose(found, plain, rtol=1e-3)


@pytest.mark.parametrize("how", ["model", "module", "loss"])
@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
def test_compiled_and_plain_agree(how, engine):
    torch._dynamo.reset()
    plain, compiled = mlp(engine=engine), mlp(engine=engine)
    own_loss, wrapped = losses, compiled
    if how == "model":
        wrapped = torch.compile(compiled, backend="eager")
    elif how == "module":
        compiled.compile(backend="eager")
    else:
        own_loss = torch.compile(losses, backend="eager")
    by_rule = Reweigher(wrapped, own_loss, rule=L2RW(), clean=[CLEAN], engine=engine)
    expected = reweigher(plain, engine=engine)
    for seed in range(2):
        assert_same(by_rule.weigh(batch_of(seed)), expected.weigh(batch_of(seed)), 1e-6)
        found, usual = by_rule.backward(batch_of(seed)), expected.backward(batch_of(seed))
        assert_same(found, usual, 1e-6)
    assert_same(grads_of(compiled), grads_of(plain), 1e-6)
    assert_same(dict(compiled.named_buffers()), dict(plain.named_buffers()), 1e-9)


def test_a_rule_with_both_needs_gets_both():
    seen = []

    class Both(Rule):
        name, needs = "both", frozenset({"alignments", "losses"})

        def weigh(self, evidence):
            seen.append((evidence.known("alignments").shape, evidence.known("losses")))
            return torch.ones_like(evidence.like)

    model = mlp()
    by_rule = reweigher(model, Both())
    by_rule.weigh(batch_of(1))
    by_rule.backward(batch_of(1))
    expected = losses(mlp(), batch_of(1)).detach()
    for shape, values in seen:
        assert shape == (12,)
        assert_same(values, expected, 1e-9)


def test_a_rule_that_is_none():
    with pytest.raises(BadInput, match=r"pass for instance L2RW\(\)"):
        Reweigher(mlp(), losses, rule=L2RW, clean=[CLEAN])


def test_before_the_first_batch_it_says_that_nothing_is_chosen():
    by_rule = reweigher(mlp())
    assert "not chosen yet" in by_rule.explain()
    by_rule.weigh(batch_of(1))
    assert "uses Forward()" in by_rule.explain()
