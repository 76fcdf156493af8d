"""The one loop: what callbacks see, in which order, and how one of them ends it."""

import torch
import torch.nn.functional as F

from reweigh import L2RW, Reweigher
from reweigh.run import Callback, Trainer, batches_of, fit


class Seen(Callback):
    def __init__(self, log, name, last=None):
        self.log, self.name, self.last = log, name, last

    def on_step(self, step):
        self.log.append((self.name, "step", step.done, step.rows.tolist(), float(step.weights.sum())))

    def on_epoch(self, line):
        line[self.name] = list(line)
        self.log.append((self.name, "epoch", line["epoch"]))
        return line["epoch"] == self.last

    def on_end(self):
        self.log.append((self.name, "end"))


def trainer(rate=None):
    torch.manual_seed(0)
    x = torch.randn(8, 3)
    y = (x[:, 0] > 0).long()
    model = torch.nn.Linear(3, 2)
    loss = lambda model, batch: F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")  # noqa: E731
    reweigher = Reweigher(model, loss, rule=L2RW(), clean=[{"x": x, "y": y}])
    portions = lambda epoch: torch.arange(8).roll(epoch).split(4)  # noqa: E731
    sgd = torch.optim.SGD(model.parameters(), 0.1)
    return model, Trainer(reweigher, sgd, batches_of(lambda rows: {"x": x[rows], "y": y[rows]}, portions), rate)


def test_callbacks_see_steps_epochs_and_the_end_in_their_order():
    _, one = trainer()
    log = []
    fit(one, range(2), [Seen(log, "a"), Seen(log, "b")])
    assert [entry[:3] for entry in log[:6]] == [
        ("a", "step", 1), ("b", "step", 1), ("a", "step", 2), ("b", "step", 2), ("a", "epoch", 1), ("b", "epoch", 1)
    ]  # fmt: skip
    assert log[6][2:4] == (3, [7, 0, 1, 2])
    assert log[-2:] == [("a", "end"), ("b", "end")]


def test_one_of_them_ends_training_and_all_hear_of_the_epoch():
    _, one = trainer()
    log = []
    fit(one, range(9), [Seen(log, "a", last=2), Seen(log, "b")])
    assert [entry for entry in log if entry[1] == "epoch"][-2:] == [("a", "epoch", 2), ("b", "epoch", 2)]
    assert one.done == 4
    assert log[-1] == ("b", "end")


def test_the_loop_is_the_readme_s_loop():
    model, one = trainer(rate=lambda step: 0.1 / (1 + step))
    fit(one, range(3))
    by_hand, two = trainer()
    step = 0
    for epoch in range(3):
        for _, batch in two.batches(epoch):
            two.optimizer.param_groups[0]["lr"] = 0.1 / (1 + step)
            two.optimizer.zero_grad()
            two.reweigher.backward(batch)
            two.optimizer.step()
            step += 1
    assert torch.equal(model.weight, by_hand.weight)
