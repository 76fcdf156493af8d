"""The clean direction as the gradient of a difference, held against autograd; exchange without fixed points, seeded."""

import copy
import io
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import reference
from reweigh import L2RW, DeepInteraction, Reweigher
from reweigh.contrast import Contrast, OtherInput, OtherLabel
from reweigh.errors import BadInput

V = 7


class Pairs(nn.Module):
    """Each word of a target from the mean of its source and from the word before."""

    def __init__(self):
        super().__init__()
        self.source, self.target, self.head = nn.Embedding(V, 5), nn.Embedding(V, 5), nn.Linear(5, V)

    def forward(self, source, given):
        return self.head((self.source(source).mean(1, keepdim=True) + self.target(given)).tanh())


def loss(model, batch):
    given = F.pad(batch["target"][:, :-1], (1, 0), value=1)
    losses = F.cross_entropy(model(batch["source"], given).transpose(1, 2), batch["target"], reduction="none")
    return losses.mean(1)


def token_loss(model, batch):
    given = F.pad(batch["target"][:, :-1], (1, 0), value=1)
    losses = F.cross_entropy(model(batch["source"], given).transpose(1, 2), batch["target"], reduction="none")
    return losses, batch["target"] != 0


def pairs_of(count, seed):
    draw = torch.Generator().manual_seed(seed)
    words = torch.randint(V, (2, count, 4), generator=draw)
    return {"source": words[0], "target": words[1], "id": torch.arange(count)}


class Ring(Contrast):
    """The sources, one further: what is held against is known."""

    def other(self, batch, draw):
        return {**batch, "source": batch["source"].roll(1, 0)}


def scene(contrast=None, **options):
    torch.manual_seed(0)
    model = options.pop("model", Pairs)().double()
    options = {"per_example_loss": loss, "clean": [pairs_of(4, 9)], **options}
    return model, Reweigher(model, rule=L2RW(), contrast=contrast, **options)


def draw_of(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double"])
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_the_direction_is_the_gradient_of_the_difference(engine, strength):
    model, by = scene(Ring(strength), engine=engine)
    clean, batch = pairs_of(4, 9), pairs_of(6, 1)
    by.weigh(batch)
    difference = loss(model, clean) - strength * loss(model, {**clean, "source": clean["source"].roll(1, 0)})
    v = reference.gradients(model, difference.mean())
    expected = reference.loop_alignments(model, loss, batch, v)
    torch.testing.assert_close(by.report.alignments, expected, rtol=1e-6, atol=1e-9)
    assert by.report.clean_loss == pytest.approx(float(difference.detach().mean()))


@pytest.mark.parametrize("per", ["example", "token"])
def test_of_tokens_likewise(per):
    model, by = scene(Ring(), per_example_loss=token_loss, per=per)
    clean = pairs_of(4, 9)
    by.weigh(pairs_of(6, 1))
    (own, counts), (other, _) = (
        token_loss(model, {**clean, "source": s}) for s in (clean["source"], clean["source"].roll(1, 0))
    )
    if per == "token":
        expected = (own - other)[counts].mean()
    else:
        expected = (torch.where(counts, own - other, 0).sum(1) / counts.sum(1)).mean()
    assert by.report.clean_loss == pytest.approx(float(expected.detach()))


def test_none_keeps_its_own_input_and_the_rest_stays():
    orders = set()
    for seed in range(50):
        batch = {"source": torch.arange(5), "mask": torch.arange(5) + 10, "target": torch.arange(5)}
        other = OtherInput("source", "mask").other(batch, draw_of(seed))
        assert (other["source"] != batch["source"]).all()
        assert sorted(other["source"].tolist()) == list(range(5))
        assert torch.equal(other["mask"], other["source"] + 10)  # what belongs together goes together
        assert torch.equal(other["target"], batch["target"])
        assert torch.equal(batch["source"], torch.arange(5))
        orders.add(tuple(other["source"].tolist()))
    assert len(orders) > 10


def test_tuples_and_lists_are_exchanged_too():
    source, target, words = OtherInput(0, 2).other((torch.arange(3), torch.arange(3), ["a", "b", "c"]), draw_of(0))
    assert target.tolist() == [0, 1, 2]
    assert words == ["abc"[row] for row in source.tolist()]


def test_another_label_is_never_the_given_one_and_each_other_comes():
    y = torch.zeros(3000, dtype=torch.int64) + 2
    found = OtherLabel(4).other({"x": y, "y": y}, draw_of(0))["y"]
    assert torch.bincount(found, minlength=4)[2] == 0
    assert torch.bincount(found, minlength=4)[[0, 1, 3]].min() > 900


def test_for_classes_the_difference_is_the_margin():
    class Classes(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            return self.layer(x)

    def of_classes(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    clean = {"x": torch.randn(4, 3, dtype=torch.float64), "y": torch.tensor([0, 1, 1, 0]), "id": torch.arange(4)}
    model, by = scene(OtherLabel(2), model=Classes, per_example_loss=of_classes, clean=[clean])
    by.weigh(clean)
    z = model(clean["x"])
    rows = torch.arange(4)
    assert by.report.clean_loss == pytest.approx(float((z[rows, 1 - clean["y"]] - z[rows, clean["y"]]).mean().detach()))


def losses_of_steps(model, by, count):
    found = []
    for seed in range(count):
        by.weigh(pairs_of(6, seed))
        found.append(by.report.clean_loss)
    return found


def test_each_clean_batch_is_exchanged_anew_by_the_seed_and_a_resumed_run_goes_on():
    model, by = scene(OtherInput("source"))
    first = losses_of_steps(model, by, 6)
    assert len(set(first)) > 2  # the same clean batch, held against others
    assert losses_of_steps(*scene(OtherInput("source")), 6) == first
    assert losses_of_steps(*scene(OtherInput("source"), seed=1), 6) != first
    saved = io.BytesIO()
    torch.save(by.state_dict(), saved)
    saved.seek(0)
    expected = losses_of_steps(model, by, 4)
    model, by = scene(OtherInput("source"))
    by.load_state_dict(torch.load(saved, weights_only=True))
    assert losses_of_steps(model, by, 4) == expected


@pytest.mark.parametrize("again", [copy.deepcopy, lambda things: pickle.loads(pickle.dumps(things))])
def test_a_copy_goes_on_as_the_original_does(again):
    model, by = scene(OtherInput("source"), clean=pairs_of(8, 9), clean_batch_size=3)
    losses_of_steps(model, by, 2)
    twin, other = again((model, by))
    assert losses_of_steps(twin, other, 4) == losses_of_steps(model, by, 4)


def test_both_passes_draw_the_same_masks_and_the_generator_moves_as_for_one():
    class Dropped(Pairs):
        def forward(self, source, given):
            return super().forward(source, given) * F.dropout(torch.ones(len(source), 1, 1), 0.5)

    class Same(Contrast):
        def other(self, batch, draw):
            return dict(batch)

    _, by = scene(Same(), model=Dropped)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    by.weigh(pairs_of(6, 1))
    assert by.report.clean_loss == 0  # with other masks it would not be
    assert torch.equal(torch.get_rng_state(), before)


def test_batch_norm_in_training_sees_the_same_statistics_and_keeps_its_buffers():
    class Normed(Pairs):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(5)

        def forward(self, source, given):
            return self.head((self.norm(self.source(source).mean(1))[:, None] + self.target(given)).tanh())

    model, by = scene(OtherInput("source"), model=Normed)
    buffers = copy.deepcopy(dict(model.named_buffers()))
    by.weigh(pairs_of(6, 1))
    assert all(torch.equal(buffers[name], buffer) for name, buffer in model.named_buffers())
    assert "Forward" in by.explain()


def test_a_teacher_sees_the_clean_examples_as_they_are():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    clean = {"x": torch.randn(4, 3), "y": torch.tensor([0, 1, 0, 1])}

    def of_classes(model, batch):
        return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")

    means = []
    for contrast in (None, OtherInput("x")):
        rule = DeepInteraction(2, states=["0"])
        twin = copy.deepcopy(model)
        own = torch.optim.SGD(twin.parameters(), lr=0.1)
        by = Reweigher(twin, of_classes, rule=rule, clean=[clean], optimizer=own, contrast=contrast)
        by.backward(clean)
        own.step()
        by.after_step()
        means.append(rule.memory()["0"].rows)
    torch.testing.assert_close(*means)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: OtherInput(), "name the fields"),
        (lambda: OtherInput("source", strength=0), "strength=0: give a number above 0"),
        (lambda: OtherLabel(1), "classes is 1"),
        (lambda: scene("source"), r"contrast= is 'source', not a contrast object: pass for instance OtherInput"),
        (lambda: scene(OtherInput("src"))[1].weigh(pairs_of(6, 1)), "no field 'src': it has 'source', 'target', 'id'"),
        (lambda: scene(OtherInput("source"), clean=[pairs_of(1, 9)])[1].weigh(pairs_of(6, 1)), "batch of one example"),
        (lambda: OtherLabel(3).other({"y": torch.zeros(2)}, draw_of(0)), "the labels under 'y' are torch.float32"),
        (lambda: OtherInput("a").other(torch.zeros(3), draw_of(0)), "it has none"),
    ],
)
def test_what_cannot_be_is_a_sentence(made, sentence):
    with pytest.raises(BadInput, match=sentence):
        made()
