"""Weights of sequences and of tokens: losses with a mask, held against a loop over examples in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from reweigh import L2RW, Reweigher
from reweigh.errors import BadInput, NonFinite
from reweigh.tasks import LanguageModel, Translation, column_tasks, task_named
from reweigh.tasks.language_model import IGNORED

V, WIDTH = 11, 8


class TinyLM(nn.Module):
    """One causal block of attention between an embedding and a head."""

    def __init__(self):
        super().__init__()
        self.embed, self.place = nn.Embedding(V, WIDTH), nn.Embedding(16, WIDTH)
        self.qkv, self.head = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, V)

    def forward(self, x):
        h = self.embed(x) + self.place(torch.arange(x.shape[1]))
        q, k, v = self.qkv(h).chunk(3, -1)
        return self.head(h + F.scaled_dot_product_attention(q, k, v, is_causal=True))


def sentences(count, seed):
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, 9, (count,), generator=draw).tolist()
    return [{"x": torch.randint(1, V, (n,), generator=draw), "id": torch.tensor(i)} for i, n in enumerate(lengths)]


def batches(task, count=6, seed=0):
    return DataLoader(sentences(count, seed), batch_size=count, collate_fn=task.collate)


def batch_of(task, seed=0):
    return next(iter(batches(task, seed=seed)))


def flat(losses, counts, per):
    """(B,) means of examples, or (n,) tokens."""
    return losses[counts] if per == "token" else losses.sum(1) / counts.sum(1)


def loop(model, sentence):
    """The loss of every token of one sentence by itself, without padding."""
    logits = model(sentence["x"][None])[0, :-1]
    return torch.stack([-row.log_softmax(0)[token] for row, token in zip(logits, sentence["x"][1:], strict=True)])


@pytest.fixture
def model():
    return TinyLM().double()


def test_a_batch_is_filled_up_and_the_filling_does_not_count():
    batch = LanguageModel(vocabulary=V, padding=0).collate([
        {"x": torch.tensor([3, 4, 5]), "id": 7},
        {"x": torch.tensor([6]), "id": 8},
        {"x": torch.tensor([1, 2]), "y": torch.tensor([IGNORED, 9]), "id": 9},
    ])  # fmt: skip
    assert batch["x"].tolist() == [[3, 4, 5], [6, 0, 0], [1, 2, 0]]
    assert batch["y"].tolist() == [[4, 5, IGNORED], [IGNORED] * 3, [IGNORED, 9, IGNORED]]
    assert batch["id"].tolist() == [7, 8, 9]


@pytest.mark.parametrize("per", ["example", "token"])
def test_losses_are_those_of_each_sentence_alone(model, per):
    task = LanguageModel(vocabulary=V)
    each = [loop(model, sentence) for sentence in sentences(6, 0)]
    expected = torch.cat(each) if per == "token" else torch.stack([tokens.mean() for tokens in each])
    batch = batch_of(task)
    losses, counts = task.token_loss(model, batch)
    torch.testing.assert_close(losses[counts] if per == "token" else task.loss(model, batch), expected)
    at_places = task.token_losses(model(batch["x"]), batch["y"])
    assert at_places.shape == batch["y"].shape
    assert not at_places[batch["y"] == IGNORED].any()


def test_a_sentence_without_a_token_that_counts_has_no_loss(model):
    task = LanguageModel(vocabulary=V)
    batch = task.collate([*sentences(2, 0), {"x": torch.tensor([5]), "id": 2}])
    losses = task.loss(model, batch)
    assert losses[2] == 0
    assert (losses[:2] > 0).all()


@pytest.mark.parametrize("engine", ["auto", "forward", "double"])
@pytest.mark.parametrize("per", ["example", "token"])
def test_alignments_are_those_of_a_loop(model, per, engine):
    task = LanguageModel(vocabulary=V)
    clean, batch = batches(task, seed=1), batch_of(task)
    reweigher = Reweigher(model, task.token_loss, rule=L2RW(), clean=clean, engine=engine, per=per)
    reweigher.backward(batch)
    parameters = list(model.parameters())
    direction = torch.autograd.grad(flat(*task.token_loss(model, batch_of(task, seed=1)), per).mean(), parameters)
    items = [loop(model, sentence) for sentence in sentences(6, 0)]
    items = [token for tokens in items for token in tokens] if per == "token" else [tokens.mean() for tokens in items]
    expected = torch.stack([
        sum((g * v).sum() for g, v in zip(torch.autograd.grad(item, parameters, retain_graph=True), direction, strict=True))
        for item in items
    ])  # fmt: skip
    found = reweigher.report.alignments
    torch.testing.assert_close(
        found if per == "example" else found[batch["y"] != IGNORED], expected, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("per", ["example", "token"])
def test_weights_are_the_rectified_alignments_and_the_gradient_their_sum(model, per):
    task = LanguageModel(vocabulary=V)
    batch = batch_of(task)
    reweigher = Reweigher(model, task.token_loss, rule=L2RW(), clean=batches(task, seed=1), per=per)
    losses, weights = reweigher.backward(batch)
    counts = batch["y"] != IGNORED
    positive = reweigher.report.alignments.clamp(min=0)
    torch.testing.assert_close(weights, positive / positive.sum())
    wanted = torch.autograd.grad(
        (flat(*task.token_loss(model, batch), per) * (weights if per == "example" else weights[counts])).sum(),
        list(model.parameters()),
    )
    for p, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(p.grad, gradient)
    assert losses.shape == weights.shape == (batch["y"].shape if per == "token" else (6,))


@pytest.mark.parametrize("per", ["example", "token"])
def test_leaving_zero_weights_out_changes_no_gradient(model, per):
    task = LanguageModel(vocabulary=V)
    batch, found = batch_of(task), []
    for skip in (False, True):
        reweigher = Reweigher(
            model, task.token_loss, rule=L2RW(), clean=batches(task, seed=1), skip_zeros=skip, per=per
        )
        model.zero_grad()
        reweigher.backward(batch)
        found.append([p.grad.clone() for p in model.parameters()])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("per", ["example", "token"])
def test_a_loss_that_is_not_finite_is_named_by_its_sentence(model, per):
    """Two tokens count, in a batch of two sentences: a token's place is not the place of its sentence."""
    task = LanguageModel(vocabulary=V)
    long, short = torch.tensor([3, 4, 5]), torch.tensor([10])
    batch = task.collate([{"x": short, "id": torch.tensor(70)}, {"x": long, "id": torch.tensor(71)}])

    def broken(model, batch):
        spoilt = model(batch["x"]).masked_fill((batch["x"] == 4)[..., None], float("nan"))
        return task.token_losses(spoilt, batch["y"]), batch["y"] != IGNORED

    reweigher = Reweigher(model, broken, clean_loss=task.token_loss, rule=L2RW(), clean=batches(task, seed=1), per=per)
    reweigher.backward(
        task.collate([{"x": long[[0, 2, 2]], "id": torch.tensor(1)}, {"x": short, "id": torch.tensor(2)}])
    )
    with pytest.raises(NonFinite, match="71") as caught:
        reweigher.backward(batch)
    assert "70" not in str(caught.value)


def test_more_filling_changes_nothing(model):
    task = LanguageModel(vocabulary=V)
    batch = batch_of(task)
    longer = {"x": F.pad(batch["x"], (0, 3)), "y": F.pad(batch["y"], (0, 3), value=IGNORED), "id": batch["id"]}
    torch.testing.assert_close(task.loss(model, longer), task.loss(model, batch))


def test_scores_count_the_tokens_that_count(model):
    task = LanguageModel(vocabulary=V)
    y = torch.tensor([[1, 2, IGNORED], [3, IGNORED, IGNORED]])
    right = F.one_hot(torch.tensor([[1, 0, 4], [3, 5, 5]]), V) * 100.0
    assert task.scores(right, y)["test_token_accuracy"] == pytest.approx(2 / 3)
    assert task.scores(torch.zeros(2, 3, V), y)["test_perplexity"] == pytest.approx(V)
    judged = task.judge(right, y)
    assert judged.suggested.tolist() == [[1, 0, IGNORED], [3, IGNORED, IGNORED]]
    assert judged.suggested_probability.tolist() == pytest.approx([1, 1])
    assert judged.given_probability.tolist() == pytest.approx([0, 1])
    assert task.contradicts(y.numpy(), judged.suggested.numpy()).tolist() == [True, False]
    assert task.told(y[0]) == "1 2"


def test_what_cannot_be_is_a_sentence(model):
    with pytest.raises(BadInput, match=r"the model gave \(2, 3, 5\) for \(2, 4\) tokens"):
        LanguageModel(vocabulary=V).losses(torch.zeros(2, 3, 5), torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(BadInput, match="vocabulary is 0"):
        LanguageModel()
    with pytest.raises(BadInput, match=r"id 5 holds a token outside 0\.\.10"):
        LanguageModel(vocabulary=V).check(torch.tensor([[1, IGNORED], [11, 0]]), torch.tensor([4, 5]))
    assert "language-model" not in column_tasks()
    assert task_named("language-model") is LanguageModel


class TinyTranslator(nn.Module):
    """The mean of the source beside each token of the target before it."""

    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(V, WIDTH, padding_idx=0), nn.Embedding(V, WIDTH)
        self.head = nn.Linear(WIDTH, V)

    def forward(self, source, given):
        return self.head((self.source(source).sum(1, keepdim=True) + self.target(given)).tanh())


def test_translation_learns_the_target_given_the_source():
    task, model = Translation(vocabulary=V), TinyTranslator().double()
    pairs = [
        {"x": one["x"], "y": other["x"], "id": one["id"]}
        for one, other in zip(sentences(5, 0), sentences(5, 1), strict=True)
    ]
    batch = task.collate(pairs)
    assert batch["given"][:, 0].tolist() == [1] * 5
    expected = []
    for pair in pairs:
        given = torch.cat([torch.tensor([1]), pair["y"][:-1]])
        logits = model(pair["x"][None], given[None])[0]
        expected.append(F.cross_entropy(logits, pair["y"]))
    torch.testing.assert_close(task.loss(model, batch), torch.stack(expected))
    reweigher = Reweigher(model, task.loss, rule=L2RW(), clean=[task.collate(pairs[:2])])
    assert reweigher.backward(batch)[1].sum() == pytest.approx(1)
