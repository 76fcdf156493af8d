"""A check is believed of what it was made of: loss, modes, hooks, what is trained, autocast, kind of batch."""

import gc

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reference import loop_alignments
from reweigh import alignments, clean_direction
from throughout import off, through, worst

D = 6


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, D, generator=g, dtype=torch.float64), "y": torch.randint(3, (n,), generator=g)}


CLEAN, BATCHES = data(7, 99), [data(5, k) for k in range(6)]


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def mlp(*middle):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(D, 8), *middle, nn.Tanh(), nn.Linear(8, 3)).double()


def plain():
    return lambda model, batch: losses(model, batch)


def centred():
    def loss(model, batch):
        z = model(batch["x"])
        return F.cross_entropy(z - z.mean(0), batch["y"], reduction="none")

    return loss


def coupled():
    return lambda model, batch: (own := losses(model, batch)) * (1 + own.mean())


def compared():
    return lambda model, batch: (model(batch["x"])[:, None] - model(batch["x"])[None]).square().sum((1, 2))


@pytest.mark.parametrize("mixing", [centred, coupled, compared])
def test_a_loss_that_is_gone_does_not_vouch_for_the_next(mixing):
    """A closure that is gone gives its number away."""
    model = mlp()
    direction = clean_direction(model, losses, CLEAN)
    for _ in range(4):
        alignments(model, plain(), BATCHES[0], direction)
        gc.collect()
        loss = mixing()
        truth = loop_alignments(model, loss, BATCHES[0], direction)
        assert off(alignments(model, loss, BATCHES[0], direction), truth) < 1e-9


class Norm(nn.Module):
    """Mixes in one of the modes only, as batch normalisation does."""

    def __init__(self, when):
        super().__init__()
        self.when = when

    def forward(self, x):
        return x - x.mean(0) if self.training is self.when else x


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize(("when", "modes"), [(True, (0, 1, 0, 1)), (True, (0, 0, 0, 1)), (False, (1, 0, 1, 1))])
def test_modes_back_and_forth(when, modes, how):
    seen = through(mlp(Norm(when)), losses, CLEAN, BATCHES[:4], how=how, before=lambda m, k: m.train(bool(modes[k])))
    assert worst(seen) < 1e-9, seen


@pytest.mark.parametrize("how", ["backward", "weigh"])
def test_one_part_in_another_mode(how):
    def before(model, k):
        model.eval()
        model[1].train(k % 2 == 1)

    assert worst(through(mlp(Norm(True)), losses, CLEAN, BATCHES[:4], how=how, before=before)) < 1e-9


class Behind(nn.Module):
    """A part whose parameters, once trained, see what has been mixed."""

    def __init__(self):
        super().__init__()
        self.low, self.side, self.high = nn.Linear(D, 8), nn.Linear(D, 8), nn.Linear(8, 3)

    def forward(self, x):
        h = self.low(x)
        mixed = self.side(x)
        if self.side.weight.requires_grad:
            mixed = mixed - mixed.mean(0)
        return self.high(torch.tanh(h + mixed))


@pytest.mark.parametrize("trained", [(0, 1, 0, 1), (0, 0, 0, 1)])
def test_frozen_and_thawed(trained):
    torch.manual_seed(0)
    seen = through(
        Behind().double(), losses, CLEAN, BATCHES[:4], before=lambda m, k: m.side.requires_grad_(bool(trained[k]))
    )
    assert worst(seen) < 1e-9, seen


@pytest.mark.parametrize("kind", ["hook", "pre-hook"])
def test_a_hook_that_comes_later(kind):
    """At the third batch, at which no check would be due."""

    def before(model, k):
        if k == 2 and kind == "hook":
            model[0].register_forward_hook(lambda part, args, out: out - out.mean(0))
        elif k == 2:
            model[2].register_forward_pre_hook(lambda part, args: (args[0] - args[0].mean(0),))

    assert worst(through(mlp(), losses, CLEAN, BATCHES[:4], before=before)) < 1e-9


def test_a_module_that_is_replaced():
    def before(model, k):
        if k == 2:
            model[1] = Norm(True)

    assert worst(through(mlp(nn.Identity()), losses, CLEAN, BATCHES[:4], before=before)) < 1e-9


def test_autocast_that_is_switched_on():
    """What mixes under autocast alone must be seen, and bf16 is no reason to refuse."""

    class UnderAutocast(nn.Module):
        def forward(self, x):
            return x - x.mean(0) if torch.is_autocast_enabled("cpu") else x

    on = {"autocast": False}

    def loss(model, batch):
        with torch.autocast("cpu", torch.bfloat16, enabled=on["autocast"]):
            return losses(model, batch).float()

    def before(model, k):
        on["autocast"] = k >= 2

    model = mlp(UnderAutocast()).float()
    batches = [{"x": b["x"].float(), "y": b["y"]} for b in (CLEAN, *BATCHES[:4])]
    seen = through(model, loss, batches[0], batches[1:], before=before)
    assert worst(seen[:2]) < 1e-4
    assert worst(seen) < 0.1, seen


@pytest.mark.parametrize("sizes", [(5, 5, 8, 8, 5), (5, 8, 1, 5, 8)])
def test_batches_of_a_size_at_which_the_model_mixes(sizes):
    class AtSize(nn.Module):
        def forward(self, x):
            return x - x.mean(0) if len(x) == 8 else x

    seen = through(mlp(AtSize()), losses, CLEAN, [data(n, k) for k, n in enumerate(sizes)])
    assert worst(seen) < 1e-9, seen


@pytest.mark.parametrize("key", ["mask", "other"])
def test_another_kind_of_batch(key):
    """With one more entry the model takes another way."""

    def loss(model, batch):
        z = model(batch["x"])
        z = z - z.mean(0) if "mask" in batch else z.roll(1, 0) + z if "other" in batch else z
        return F.cross_entropy(z, batch["y"], reduction="none")

    batches = [*BATCHES[:2], {**BATCHES[2], key: torch.ones(5)}, BATCHES[3], {**BATCHES[4], key: torch.ones(5)}]
    assert worst(through(mlp(), loss, CLEAN, batches)) < 1e-9


def test_no_false_alarm_changes_that_change_nothing():
    def before(model, k):
        model.train(k % 2 == 0)
        model[0].requires_grad_(k % 3 != 0)

    seen = through(mlp(nn.Dropout(0.0)), losses, CLEAN, BATCHES, before=before)
    assert worst(seen) < 1e-9
    assert {batch.engine for batch in seen} == {"Ghost()"}
