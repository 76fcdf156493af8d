"""RHO-loss: the right examples are chosen, by a second model that learnt from the clean set alone and is kept by id."""

import pickle

import pytest
import torch
import torch.nn.functional as F

from reweigh import ReweighClassifier, Reweigher
from reweigh.errors import BadInput
from reweigh.rules.materials import Materials, SecondModel
from reweigh.rules.rho_loss import RHOLoss
from reweigh.rules.rule import Evidence
from reweigh.run.start import resume, start
from reweigh.run.watcher import Silent
from reweigh.settings import Settings


class StopAfter(Silent):
    def __init__(self, epochs):
        self.epochs = epochs

    def epoch(self, line):
        if line["epoch"] == self.epochs:
            raise KeyboardInterrupt


class Points:
    """Two clouds in a plane; of `wrong` rows the label is the other one."""

    def __init__(self, n, seed, wrong=0.0, start=0):
        draw = torch.Generator().manual_seed(seed)
        self.y = torch.arange(n) % 2
        self.x = torch.randn(n, 2, generator=draw) + 4.0 * self.y[:, None] - 2.0
        self.wrong = torch.rand(n, generator=draw) < wrong
        self.y, self.ids = torch.where(self.wrong, 1 - self.y, self.y), torch.arange(n) + start

    def __len__(self):
        return len(self.y)

    def batch(self, rows):
        return {"x": self.x[rows], "y": self.y[rows], "id": self.ids[rows]}


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def scene(**options):
    torch.manual_seed(0)
    model, train, clean = torch.nn.Linear(2, 2), Points(200, 1, wrong=0.4), Points(40, 2, start=1000)
    rule = RHOLoss(**options)
    rule.prepare(Materials(second_model=SecondModel(student=model, loss=loss, clean=clean, optimizer=sgd)))
    return model, train, clean, rule


def evidence(batch, losses):
    return Evidence(len(losses), losses, batch, losses=losses)


def test_the_weights_are_those_of_the_papers_formula():
    model, train, _, rule = scene(share=0.1)
    batch = train.batch(torch.arange(50))
    losses = loss(model, batch).detach()
    weights = rule.weigh(evidence(batch, losses))
    chosen = (losses.double() - rule.irreducible(batch, 50)).argsort(descending=True)[:5]
    expected = torch.zeros(50).index_fill(0, chosen, 0.2)
    torch.testing.assert_close(weights, expected, rtol=0, atol=0)


def test_wrong_labels_are_hard_for_the_second_model_and_are_passed_over():
    model, train, clean, rule = scene(share=0.3)
    reweigher = Reweigher(model, loss, rule=rule, clean=clean, clean_batch_size=20)
    optimizer, weight = sgd(model), torch.zeros(200)
    before = torch.get_rng_state()
    for step in range(40):
        rows = torch.arange(50) + 50 * (step % 4)
        optimizer.zero_grad()
        weight[rows] += reweigher.backward(train.batch(rows)).weights
        optimizer.step()
    assert torch.equal(torch.get_rng_state(), before)
    hard = rule.irreducible(train.batch(torch.arange(200)), 200)
    assert hard[train.wrong].median() > 5 * hard[~train.wrong].median()
    assert weight[train.wrong].sum() < 0.1 * weight.sum()


def test_the_second_model_is_trained_once_and_a_resumed_rule_trains_none(monkeypatch):
    _, train, _, rule = scene()
    batch = train.batch(torch.arange(10))
    first = rule.irreducible(batch, 10)
    _, _, _, other = scene()
    other.load_state_dict(rule.state_dict())
    monkeypatch.setattr("reweigh.rules.rho_loss.train", lambda *_: pytest.fail("trained again"))
    more = train.batch(torch.arange(5, 15))
    assert torch.equal(rule.irreducible(batch, 10), first)
    assert torch.equal(other.irreducible(more, 10), rule.irreducible(more, 10))


def test_a_run_that_is_stopped_and_resumed_ends_as_one_that_was_not(tmp_path):
    settings = {"dataset": "digits", "noise": "uniform:0.4", "epochs": 2, "rule": "rho-loss", "lr": 0.05}
    config = Settings.of(**settings, rule_option=("share=0.2", "passes=20"))
    whole = start(config, tmp_path / "whole", Silent())
    with pytest.raises(Exception, match="go on with"):
        start(config, tmp_path / "stopped", StopAfter(1))
    resumed = resume(tmp_path / "stopped", {}, Silent())
    told = {"seconds"}
    assert {k: v for k, v in whole.items() if k not in told} == {k: v for k, v in resumed.items() if k not in told}
    for name in ("model.safetensors", "weights.parquet"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()
    assert whole["auroc"] > 0.6


def test_in_the_estimator_it_does_better_than_chance_and_is_pickled():
    pytest.importorskip("sklearn")
    train = Points(300, 3, wrong=0.3)
    truth = torch.where(train.wrong, 1 - train.y, train.y).numpy()
    X, y = train.x.numpy(), train.y.numpy().copy()
    y[:40] = truth[:40]
    model = ReweighClassifier(rule="rho-loss", epochs=5, random_state=0).fit(X, y, clean=list(range(40)))
    assert model.score(X, truth) > 0.9
    assert pickle.loads(pickle.dumps(model)).score(X, truth) == model.score(X, truth)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: RHOLoss(share=0), "share=0: give a share"),
        (lambda: RHOLoss(share=1.5), "share=1.5"),
        (lambda: RHOLoss(passes=0), "passes=0"),
        (lambda: RHOLoss().irreducible({"id": torch.arange(2)}, 2), "no second model"),
        (lambda: scene()[3].irreducible({"x": torch.zeros(2, 2)}, 2), "by their ids"),
        (lambda: scene()[3].load_state_dict({}), "no state of a rho-loss rule"),
    ],
)
def test_what_cannot_be_used_is_said(made, sentence):
    with pytest.raises(BadInput, match=sentence):
        made()
