"""The verifier as a rule: through the Reweigher, with the laws, and what it is for."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import Reweigher
from reweigh.errors import BadInput
from reweigh.metrics import auroc
from reweigh.rules import Materials, RightAndHelpful, RightnessRule, Uniform, registry

CLASSES, TRAIN, CHECKED = 4, 400, 40


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


@pytest.fixture(scope="module")
def data():
    """Four clusters of which a third of the labels are one too high; the last forty are checked and right."""
    g = torch.Generator().manual_seed(0)
    truth = torch.arange(TRAIN) % CLASSES
    x = 3.0 * F.one_hot(truth, 8).double() + torch.randn(TRAIN, 8, generator=g, dtype=torch.double)
    wrong = torch.rand(TRAIN, generator=g) < 1 / 3
    wrong[-CHECKED:] = False
    given = torch.where(wrong, (truth + 1) % CLASSES, truth)
    return {"x": x, "y": given, "id": torch.arange(TRAIN)}, wrong


def take(data, rows):
    return {name: values[rows] for name, values in data.items()}


def student(seed=0, width=16):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, CLASSES)).double()


def made(model, data, rule, **more):
    return Reweigher(model, loss, rule=rule, clean=take(data, torch.arange(TRAIN - CHECKED, TRAIN)), **more)


def batches(steps, size=50, seed=1):
    g = torch.Generator().manual_seed(seed)
    return [torch.randperm(TRAIN, generator=g)[:size] for _ in range(steps)]


def trained(data, rule, steps, *, model=None, fused=True, **more):
    """Weights by step, the model, and the reweigher."""
    model = student() if model is None else model
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    reweigher, weights = made(model, data, rule, **more), []
    for rows in batches(steps):
        batch = take(data, rows)
        optimizer.zero_grad()
        if fused:
            _, w = reweigher.backward(batch)
        else:
            w = reweigher.weigh(batch)
            loss(model, batch).backward(w)
        optimizer.step()
        weights.append(w)
    return weights, model, reweigher


@pytest.mark.parametrize("kind", [RightnessRule, RightAndHelpful])
@pytest.mark.parametrize("by_pair", [False, True])
def test_wrong_labels_get_less(data, kind, by_pair):
    data, wrong = data
    rule = kind(first=10, by_pair=by_pair)
    weights, _, _ = trained(data, rule, 120)
    late, visits = torch.zeros(TRAIN).double(), torch.zeros(TRAIN)
    for rows, w in zip(batches(120)[60:], weights[60:], strict=True):
        late[rows] += w
        visits[rows] += 1
    ours = (torch.arange(TRAIN) < TRAIN - CHECKED) & (visits > 0)
    mean = late / visits
    assert mean[ours & wrong].mean() < (0.4 if kind is RightnessRule else 0.7) * mean[ours & ~wrong].mean()
    ids, right, suggested = rule.judged()
    assert auroc(right, ~wrong[ids]) > 0.9
    assert abs(float(right.mean()) - float((~wrong[ids]).double().mean())) < 0.1
    truth = (data["y"][ids] - 1) % CLASSES
    if kind is RightnessRule:  # alignments leave so much out here that the student becomes a poor adviser
        assert float((suggested == truth)[wrong[ids]].double().mean()) > 0.85


def test_weigh_and_backward_agree(data):
    data, _ = data
    for kind in (RightnessRule, RightAndHelpful):
        one, _, _ = trained(data, kind(first=5), 40)
        other, _, _ = trained(data, kind(first=5), 40, fused=False)
        torch.testing.assert_close(torch.stack(one), torch.stack(other))


def test_weights_sum_to_one_and_checked_examples_wait(data):
    data, _ = data
    rule = RightnessRule(first=5, late=30)
    weights, _, _ = trained(data, rule, 40)
    for step, (rows, w) in enumerate(zip(batches(40), weights, strict=True)):
        assert float(w.sum()) == pytest.approx(1)
        checked = rows >= TRAIN - CHECKED
        assert bool((w[checked] == 0).all() if step < 30 else (w[checked] == w.max()).all())


def test_before_its_time_all_count_alike(data):
    data, _ = data
    weights, _, _ = trained(data, RightnessRule(first=10), 10)
    for rows, w in zip(batches(10), weights, strict=True):
        open_ = rows < TRAIN - CHECKED
        torch.testing.assert_close(w[open_], torch.full_like(w[open_], 1 / int(open_.sum())))


def test_of_a_set_without_wrong_labels_nothing_is_lost(data):
    data, _ = data
    clean = data | {"y": torch.arange(TRAIN) % CLASSES}
    rule = RightnessRule(first=10)
    weights, _, _ = trained(clean, rule, 120)
    assert float(rule.judged()[1].mean()) > 0.97
    used = torch.stack([(w > 0.5 * w.median()).double().mean() for w in weights[60:]])
    assert used.mean() > 0.85  # a tenth is checked and waits


@pytest.mark.parametrize("kind", [RightnessRule, RightAndHelpful])
def test_a_resumed_run_gives_the_same_weights_bit_for_bit(data, kind):
    data, _ = data
    whole, _, _ = trained(data, kind(first=5, late=50), 60)
    for stop in (0, 3, 27, 55):
        _, model, first = trained(data, kind(first=5, late=50), stop)
        again = made(copy.deepcopy(model), data, kind(first=5, late=50))
        again.load_state_dict(first.state_dict())
        optimizer = torch.optim.SGD(again._student.module.parameters(), 0.5)
        for rows, expected in zip(batches(60)[stop:], whole[stop:], strict=True):
            optimizer.zero_grad()
            _, w = again.backward(take(data, rows))
            optimizer.step()
            assert torch.equal(w, expected)


def test_permuting_the_batch_permutes_the_weights(data):
    data, _ = data
    rule = RightnessRule(first=5)
    _, model, reweigher = trained(data, rule, 30)
    rows, order = batches(31)[-1], torch.randperm(50, generator=torch.Generator().manual_seed(4))
    other = made(model, data, RightnessRule(first=5))
    other.load_state_dict(reweigher.state_dict())
    torch.testing.assert_close(other.weigh(take(data, rows[order])), reweigher.weigh(take(data, rows))[order])


def test_scaling_the_clean_loss_leaves_the_weights(data):
    data, _ = data
    for kind in (RightnessRule, RightAndHelpful):
        one, _, _ = trained(data, kind(first=5), 20)
        other, _, _ = trained(data, kind(first=5), 20, clean_loss=lambda model, batch: 1000 * loss(model, batch))
        torch.testing.assert_close(torch.stack(one), torch.stack(other))


def test_weights_of_one_give_plain_training_bit_for_bit(data):
    """Where it does not weigh yet, and nothing of the batch is checked, it watches and changes nothing."""
    data, _ = data
    open_ = {name: values[: TRAIN - CHECKED] for name, values in data.items()}

    def after(rule):
        model = student()
        optimizer, reweigher = torch.optim.SGD(model.parameters(), 0.5), made(model, data, rule)
        for rows in batches(8, seed=2):
            optimizer.zero_grad()
            reweigher.backward(take(open_, rows[rows < TRAIN - CHECKED]))
            optimizer.step()
        return model

    plain, watched = after(Uniform()), after(RightnessRule(first=1000))
    for p, q in zip(plain.parameters(), watched.parameters(), strict=True):
        assert torch.equal(p, q)


def test_a_call_leaves_the_student_as_found(data):
    data, _ = data
    torch.manual_seed(0)
    parts = nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, CLASSES)
    model = nn.Sequential(*parts).double()
    before, generator = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    made(model, data, RightnessRule(first=0)).weigh(take(data, torch.arange(50)))
    assert torch.equal(torch.get_rng_state(), generator)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
    assert not any(part._forward_hooks for part in model.modules())


def test_a_call_that_fails_leaves_what_was_said(data):
    data, _ = data
    rule = RightnessRule(first=5)
    _, _, reweigher = trained(data, rule, 30)
    before = rule.judged()
    bad = take(data, torch.arange(50))
    bad["x"] = bad["x"].clone()
    bad["x"][3] = torch.nan
    with pytest.raises(Exception, match="3"):
        reweigher.weigh(bad)
    for one, other in zip(rule.judged(), before, strict=True):
        assert torch.equal(one, other)


def test_frozen_features_are_heard(data):
    data, wrong = data
    truth = torch.where(wrong, data["y"] - 1, data["y"]) % CLASSES
    rule = RightnessRule(first=2, features=lambda batch: F.one_hot(truth[batch["id"]], CLASSES))
    trained(data, rule, 40)
    ids, right, _ = rule.judged()
    assert auroc(right, ~wrong[ids]) > 0.999


def test_it_says_how_well_it_tells(data):
    data, _ = data
    rule = RightnessRule(first=5)
    assert rule.told_apart() is None
    trained(data, rule, 60)
    told = rule.told_apart()
    assert told.auroc > 0.9
    assert told.examples == CHECKED


def test_every_checked_example_is_known_from_the_first_batch(data):
    """Though no more than some teach at a time."""
    data, _ = data
    many = {name: values.repeat(6, *[1] * (values.ndim - 1)) for name, values in data.items()}
    many["id"] = torch.arange(6 * TRAIN)
    rule = RightnessRule(first=0)
    reweigher = Reweigher(student(), loss, rule=rule, clean=many)
    assert bool((reweigher.weigh(take(many, torch.arange(2000, 2050))) == 0).all())
    assert rule._lesson.labels.numel() == 6 * TRAIN
    reweigher.weigh(take(many, torch.arange(50)))
    assert rule.wants_checked(5) == 512
    assert rule.wants_checked(6) == 0


def test_a_data_loader_of_clean_batches_does(data):
    data, wrong = data
    rows = torch.arange(TRAIN - CHECKED, TRAIN)
    rule, model = RightnessRule(first=5), student()
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    reweigher = Reweigher(model, loss, rule=rule, clean=[take(data, part) for part in rows.split(15)])
    for rows in batches(60):
        optimizer.zero_grad()
        reweigher.backward(take(data, rows))
        optimizer.step()
    ids, right, _ = rule.judged()
    assert auroc(right, ~wrong[ids]) > 0.9


def test_it_is_made_for_a_training_of_so_many_steps():
    entry = registry.entry_of("verifier")
    rule = entry.make(Materials(class_sizes=torch.tensor([3, 4]), steps=200, seed=lambda purpose: 7))
    assert (rule.first, rule.late, rule.seed) == (20, 140, 7)
    options = registry.options_from(entry, {}, ("by_pair=yes", "first=3", "sharpness=2"))
    rule = entry.make(Materials(class_sizes=torch.tensor([3, 4]), steps=1), options)
    assert (rule.first, rule.late, rule.by_pair, rule.sharpness) == (3, 4, True, 2.0)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"sharpness": 0}, "sharpness=0: give a number above 0"),
        ({"every": 0}, "every=0: give a number of steps"),
        ({"first": 5, "late": 5}, "late=5: give a step after the first that is weighed, 5"),
        ({"kinds": ("guessed",)}, "no kind of wrong labels 'guessed'"),
    ],
)
def test_what_cannot_be_used_is_refused(how, sentence):
    with pytest.raises(BadInput, match=sentence):
        RightnessRule(**how)


def test_without_ids_it_says_what_it_needs(data):
    data, _ = data
    nameless = {name: values for name, values in data.items() if name != "id"}
    with pytest.raises(BadInput, match="remembers what was said of each example by its id"):
        made(student(), data, RightnessRule()).weigh(take(nameless, torch.arange(9)))


def test_a_model_without_logits_is_refused(data):
    data, _ = data

    def squared(model, batch):
        return (model(batch["x"])[:, 0] - batch["y"]).square()

    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 1)).double()
    reweigher = Reweigher(model, squared, rule=RightnessRule(), clean=take(data, torch.arange(40)))
    with pytest.raises(BadInput, match="reads the student's logits"):
        reweigher.weigh(take(data, torch.arange(9)))


def test_another_rules_state_is_refused():
    with pytest.raises(BadInput, match="this is no state of a verifier rule"):
        RightnessRule().load_state_dict({"generator": 1})


@pytest.mark.slow
def test_a_step_costs_a_plain_one_and_the_checked_pass():
    """On a network where arithmetic counts, in seconds of this process."""
    import time

    from reweigh.models import build

    g = torch.Generator().manual_seed(0)
    x, ids = torch.randn(400, 3, 32, 32, generator=g), torch.arange(400)
    images = {"x": x, "y": ids % 10, "id": ids}

    def seconds(rule):
        torch.manual_seed(0)
        model = build("resnet32", input_shape=(3, 32, 32), classes=10, seed=0)
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        reweigher, found = Reweigher(model, loss, rule=rule, clean=take(images, ids[:100])), []
        for step in range(11):
            batch = take(images, ids[100 + 64 * (step % 4) :][:64])
            started = time.process_time()
            optimizer.zero_grad()
            reweigher.backward(batch)
            optimizer.step()
            found.append(time.process_time() - started)
        started = time.process_time()
        with torch.no_grad():
            model(x[:100])
        return found, time.process_time() - started

    plain, pass_ = seconds(Uniform())
    ours, _ = seconds(RightnessRule(first=0, every=5))
    median = sorted(plain)[5]
    five = sum(ours[1:6])  # one of them teaches
    assert five < 1.1 * (5 * median + pass_) + 0.1 * median
