"""Losses one a token with a mask: what the user gives and gets, and the sentences where that cannot be."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from reweigh import L2RW, DeepInteraction, MetaWeightNet, Reweigher, alignments, clean_direction
from reweigh.errors import BadInput, NonFinite
from reweigh.ledger import Ledger
from reweigh.rules import ClassProportion, Oracle, SmoothedL2RW, Uniform
from reweigh.rules.rho_loss import RHOLoss
from reweigh.tokens import flat, mean_of_tokens, of_tokens, weights_of_examples

V, PAD = 7, 0


class Language(nn.Module):
    """Each word's next one, from the mean of those so far."""

    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(V, 5), nn.Linear(5, V)

    def forward(self, x):
        h = self.embed(x).cumsum(1) / torch.arange(1, x.shape[1] + 1)[:, None]
        return self.head(h.tanh())


def loss(model, batch):
    losses = F.cross_entropy(model(batch["x"]).transpose(1, 2), batch["y"], reduction="none")
    return losses, batch["y"] != PAD


def batch_of(count, seed, length=4):
    draw = torch.Generator().manual_seed(seed)
    text = torch.randint(1, V, (count, length + 1), generator=draw)
    text[torch.arange(length + 1) > 2 + torch.arange(count)[:, None] % 3] = PAD
    return {"x": text[:, :-1], "y": text[:, 1:], "id": 10 * torch.arange(count) + 5}


def scene(rule=None, **options):
    torch.manual_seed(0)
    model = Language().double()
    options = {"per": "token", "clean": [batch_of(3, 9)], **options}
    return model, Reweigher(model, loss, rule=rule or L2RW(), **options)


def test_a_loss_of_pairs_weighs_examples_unless_tokens_are_asked_for():
    model, by = scene(per="example")
    batch = batch_of(5, 1)
    found = by.backward(batch)
    means = mean_of_tokens(*loss(model, batch))
    torch.testing.assert_close(found.losses, means.detach())
    plain = Reweigher(model, lambda m, b: mean_of_tokens(*loss(m, b)), rule=L2RW(), clean=[batch_of(3, 9)])
    torch.testing.assert_close(found.weights, plain.weigh(batch))
    assert "uses Ghost()" in by.explain()


def test_the_report_lies_as_the_weights_do_and_says_what_counts():
    _, by = scene()
    batch = batch_of(5, 1)
    weights = by.weigh(batch)
    assert torch.equal(by.report.counts, batch["y"] != PAD)
    positive = by.report.alignments.clamp(min=0)
    torch.testing.assert_close(weights, positive / positive.sum())
    counted = weights[by.report.counts]
    assert by.report.zero_share == pytest.approx(float((counted == 0).double().mean()))
    assert "sums over an example" in by.explain()


def test_a_rule_that_learns_reports_alignments_at_their_places_too():
    torch.manual_seed(0)
    model = Language().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    by = Reweigher(model, loss, rule=MetaWeightNet(), clean=[batch_of(3, 9)], per="token", optimizer=optimizer)
    by.backward(batch_of(5, 1))
    optimizer.step()
    by.after_step()
    assert by.report.alignments.shape == (5, 4)
    assert not by.report.alignments[batch_of(5, 1)["y"] == PAD].any()


def test_the_clean_direction_of_tokens_is_that_of_all_that_count():
    model, batch = Language().double(), batch_of(4, 2)
    losses, counts = loss(model, batch)
    for per, expected in {"token": losses[counts].mean(), "example": mean_of_tokens(losses, counts).mean()}.items():
        v = clean_direction(model, loss, batch, per=per)
        for name, g in zip(v, torch.autograd.grad(expected, list(model.parameters()), retain_graph=True), strict=True):
            torch.testing.assert_close(v[name], g)


def test_losses_where_no_token_counts_may_be_anything():
    def spoilt(model, batch):
        losses, counts = loss(model, batch)
        return torch.where(counts, losses, torch.nan), counts

    for per in ("token", "example"):
        model, by = scene(per=per)
        odd = Reweigher(model, spoilt, rule=L2RW(), clean=[batch_of(3, 9)], per=per)
        assert torch.equal(odd.weigh(batch_of(5, 1)), by.weigh(batch_of(5, 1)))


@pytest.mark.parametrize("per", ["token", "example"])
def test_a_loss_that_is_not_finite_is_named_by_its_example(per):
    def broken(model, batch):
        losses, counts = loss(model, batch)
        return losses.masked_fill((batch["y"] == 6) & (batch["id"] == 25)[:, None], torch.nan), counts

    model, _ = scene()
    by = Reweigher(model, broken, clean_loss=loss, rule=L2RW(), clean=[batch_of(3, 9)], per=per)
    bad = batch_of(5, 1)
    bad["y"][2, 1] = 6
    with pytest.raises(NonFinite, match=r"ids \[25") as caught:
        by.backward(bad)
    assert "5]" in str(caught.value)
    assert "15" not in str(caught.value)


def test_smoothed_remembers_each_token_by_example_and_place():
    _, by = scene(SmoothedL2RW())
    batch = batch_of(5, 1)
    by.weigh(batch)
    names = by.state_dict()["rule_state"]["ids"]
    rows, places = (batch["y"] != PAD).nonzero(as_tuple=True)
    assert torch.equal(names, torch.stack([batch["id"][rows], places], 1))
    order = torch.tensor([4, 2, 0, 1, 3])
    by.weigh({name: t[order] for name, t in batch.items()})
    assert len(by.state_dict()["rule_state"]["ids"]) == len(names)


def test_a_learned_rule_resumes_with_tokens():
    def start():
        torch.manual_seed(0)
        model = Language().double()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        options = {"per": "token", "optimizer": optimizer, "clean": [batch_of(3, 9)]}
        return model, optimizer, Reweigher(model, loss, rule=MetaWeightNet(), **options)

    def steps(model, optimizer, by, seeds):
        found = []
        for seed in seeds:
            optimizer.zero_grad()
            found.append(by.backward(batch_of(5, seed)).weights)
            optimizer.step()
            by.after_step()
        return found

    model, optimizer, by = start()
    steps(model, optimizer, by, range(3))
    saved = io.BytesIO()
    torch.save((model.state_dict(), by.state_dict()), saved)
    expected = steps(model, optimizer, by, range(3, 6))
    saved.seek(0)
    of_model, of_rule = torch.load(saved, weights_only=True)
    model, optimizer, by = start()
    model.load_state_dict(of_model)
    by.load_state_dict(of_rule)
    assert all(map(torch.equal, expected, steps(model, optimizer, by, range(3, 6))))


def test_labels_of_tokens_or_of_examples_are_found():
    _, by = scene(ClassProportion([0, 1, 1, 1, 1, 1, 3]), labels=lambda batch: batch["y"])
    batch = batch_of(5, 1)
    weights, n = by.weigh(batch), int((batch["y"] != PAD).sum())
    torch.testing.assert_close(weights[batch["y"] == 6] * 3, torch.full_like(weights[batch["y"] == 6], 8 / 6 / n))
    _, by = scene(ClassProportion([1, 3]), labels=lambda batch: torch.tensor([0, 1, 1, 0, 1]))
    torch.testing.assert_close(by.weigh(batch)[0, 0], 3 * by.weigh(batch)[1, 0])


@pytest.mark.parametrize("rule", [lambda: Oracle(lambda batch: torch.zeros(5, dtype=torch.bool)), lambda: RHOLoss()])
def test_a_rule_that_knows_examples_only_says_so(rule):
    _, by = scene(rule())
    if isinstance(by.rule, RHOLoss):
        from reweigh.rules import Materials, SecondModel

        by.rule.prepare(
            Materials(second_model=SecondModel(student=nn.Linear(1, 1), loss=loss, clean=[], optimizer=None))
        )
    with pytest.raises(BadInput, match=r"\(5,\)"):
        by.weigh(batch_of(5, 1))


def test_the_teacher_of_whole_examples_says_so():
    torch.manual_seed(0)
    model = Language().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    options = {"per": "token", "optimizer": optimizer, "labels": lambda batch: batch["y"]}
    by = Reweigher(model, loss, rule=DeepInteraction(V), clean=[batch_of(3, 9)], **options)
    with pytest.raises(BadInput, match="for weights of tokens set interaction=False"):
        by.backward(batch_of(5, 1))


def test_uniform_counts_each_token_alike():
    model, by = scene(Uniform())
    batch = batch_of(5, 1)
    by.backward(batch)
    losses, counts = loss(model, batch)
    for p, g in zip(
        model.parameters(), torch.autograd.grad(losses[counts].mean(), list(model.parameters())), strict=True
    ):
        torch.testing.assert_close(p.grad, g)


def test_the_ledger_notes_an_example_s_means(tmp_path):
    _, by = scene()
    batch, ledger = batch_of(5, 1), Ledger(tmp_path)
    losses, weights = by.backward(batch)
    counts = by.report.counts
    ledger.add(batch["id"], weights, by.report.alignments, losses, counts=counts)
    ledger.end_epoch()
    rows = next(iter(Ledger.read(tmp_path)))
    relative = [float(weights[i][counts[i]].mean() * counts.sum()) for i in range(5)]
    np.testing.assert_allclose(rows["weight"], relative, rtol=1e-6)
    np.testing.assert_allclose(rows["loss"], mean_of_tokens(losses, counts).numpy(), rtol=1e-6)
    means = mean_of_tokens(by.report.alignments, counts)
    np.testing.assert_allclose(rows["alignment"], (means / means.abs().mean()).numpy(), rtol=1e-5)
    with pytest.raises(BadInput, match="counts= has shape"):
        ledger.add(batch["id"], weights[:, 0], counts=counts)


def test_plain_tokens_make_plain_examples():
    counts = torch.tensor([[1, 1, 1], [1, 0, 0]], dtype=torch.bool)
    assert weights_of_examples(torch.where(counts, 0.25, 0.0), counts).tolist() == [0.5, 0.5]


def test_more_dimensions_are_tokens_too():
    losses = torch.arange(12.0).view(2, 2, 3)
    found, counts = flat((losses, losses % 2 == 0), "token")
    assert found.tolist() == [0, 2, 4, 6, 8, 10]
    assert mean_of_tokens(losses, counts).tolist() == [2.0, 8.0]


def test_what_is_known_of_examples_is_known_of_their_tokens():
    counts = torch.tensor([[True, False], [True, True]])
    assert of_tokens(torch.tensor([7, 8]), counts).tolist() == [7, 8, 8]
    assert of_tokens(["a", "b"], counts) == ["a", "b", "b"]
    assert of_tokens(torch.tensor([[1, 2], [3, 4]]), counts).tolist() == [1, 3, 4]
    assert of_tokens(None, counts) is None


@pytest.mark.parametrize(
    ("returned", "per", "sentence"),
    [
        (torch.zeros(3), "token", "needs a loss a token"),
        (torch.zeros(3, 2), "example", r"the pair \(losses, counts\)"),
        ((torch.zeros(3, 2), torch.ones(3, dtype=torch.bool)), "token", r"a mask of shape \(3,\)"),
        ((torch.zeros(3), torch.ones(3, dtype=torch.bool)), "example", r"both must be \(B, T\)"),
        ((torch.zeros(3, 2), torch.ones(3, 2)), "token", "give a boolean one"),
        ((torch.zeros(3, 2), None), "token", "a tuple of 2 things"),
        ((torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.bool)), "token", "no token of the batch counts"),
        ([torch.zeros(3)] * 3, "example", "a list of 3 things"),
    ],
)
def test_what_is_no_loss_of_tokens_is_refused_in_a_sentence(returned, per, sentence):
    with pytest.raises(BadInput, match=sentence):
        alignments(nn.Linear(1, 1), lambda model, batch: returned, {}, {"weight": torch.ones(1, 1)}, per=per)


def test_another_kind_of_weights_is_not_known():
    with pytest.raises(BadInput, match="per='word' is not known: choose one of 'example', 'token'"):
        scene(per="word")
