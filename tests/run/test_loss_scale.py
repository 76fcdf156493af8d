"""float16: what is computed is what float64 computes, a step that overflows is left out, and a resume has the same bits."""

import copy
import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.errors import BadInput, NonFinite, Overflow
from reweigh.passes import Scaled
from reweigh.run import Callback, Trainer, batches_of, fit
from reweigh.run.folder.checkpoint import checkpoint_bytes, parse_checkpoint
from reweigh.run.job.job import assemble
from reweigh.run.job.loop import run_epoch
from reweigh.run.job.prepare import prepare
from reweigh.run.loss_scale import LARGEST, MOST, LossScale
from reweigh.settings import Settings
from reweigh.settings.usual import resolved

CPU = torch.device("cpu")
RULES = {"l2rw": L2RW, "meta-weight-net": MetaWeightNet}


def batch_of(seed, size=16):
    generator = torch.Generator().manual_seed(seed)
    return {
        "x": torch.randn(size, 6, generator=generator),
        "y": torch.randint(3, (size,), generator=generator),
        "id": torch.arange(size),
    }


def plain(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def half(model, batch):
    with torch.autocast("cpu", torch.float16):
        outputs = model(batch["x"])
    return F.cross_entropy(outputs.float(), batch["y"], reduction="none")


def network(gain=1.0):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        net[2].weight.mul_(gain)
        net[4].weight.mul_(gain)
    return net


def job(**given):
    settings = {"dataset": "digits", "noise": "background:0.4", "steps": 54, "precision": "fp16", "threads": 1, **given}
    config = resolved(Settings.of(**settings))
    return assemble(config, prepare(config))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("engine", ["ghost", "forward", "finite", "double", "auto"])
def test_a_scale_changes_nothing_but_the_gradient_and_that_by_itself(engine, rule):
    """A power of two rounds nothing: weights, losses and all reports are bit for bit those of the loss as it is."""
    found = []
    for loss, scale in ((plain, 1.0), (Scaled(plain, 2.0**12), 2.0**12)):
        net = network()
        optimizer = torch.optim.SGD(net.parameters(), 0.1)
        by = Reweigher(net, loss, rule=RULES[rule](), clean=[batch_of(9)], engine=engine, optimizer=optimizer)
        seen = []
        for k in range(3):
            optimizer.zero_grad()
            losses, weights = by.backward(batch_of(k))
            grads = [p.grad.clone().div_(scale) for p in net.parameters()]
            for p in net.parameters():
                p.grad.div_(scale)
            by.after_backward()
            optimizer.step()
            by.after_step()
            report = by.report
            seen.append((losses, weights, *grads, report.alignments.double(), torch.tensor([report.clean_loss])))
            seen.append((by.weigh(batch_of(k)), torch.tensor([report.direction_norm])))
        found.append((seen, {} if rule == "l2rw" else by.rule.net.state_dict()))
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("rule", RULES)
def test_beside_float64_where_gradients_are_small_enough_to_vanish(rule):
    """Behind two layers of small weights float16's gradients are below its least number; scaled they are right."""

    def alignments(loss, double=False):
        net = network(gain=0.003)
        batches = [batch_of(9), batch_of(0)]
        if double:
            net, batches = net.double(), [{**batch, "x": batch["x"].double()} for batch in batches]
        optimizer = torch.optim.SGD(net.parameters(), 1e-6)
        by = Reweigher(
            net, loss, rule=RULES[rule](), clean=batches[:1], engine="ghost", layers=["0"], optimizer=optimizer
        )
        by.backward(batches[1])
        optimizer.step()
        by.after_step()
        return by.report.alignments.double()

    truth = alignments(plain, double=True)

    def off(loss):
        return float((alignments(loss) - truth).norm() / truth.norm())

    assert off(Scaled(half, 2.0**10)) < 0.02
    assert off(half) > 0.2


def test_it_learns_what_float32_learns():
    lines = []
    for precision in ("fp16", "fp32"):
        one, seen = job(precision=precision), []
        linear = next(module for module in one.model.modules() if isinstance(module, nn.Linear))
        linear.register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(output.dtype))
        while one.epochs_done < one.epochs:
            line = run_epoch(one)
        lines.append(line)
        assert (torch.float16 in seen) == (precision == "fp16")
        assert {p.dtype for p in one.model.parameters()} == {torch.float32}
    assert lines[0]["train_loss"] != lines[1]["train_loss"]
    for name in ("train_loss", "clean_loss", "direction_norm"):
        assert lines[0][name] == pytest.approx(lines[1][name], rel=0.01)


def steep(model, batch):
    """Its gradients overflow in float16 down to a scale of 2⁻⁵."""
    return half(model, batch) * 2.0**20


def trainer(loss=half, rule="l2rw", clean=None):
    net = network()
    optimizer, by_scale = torch.optim.SGD(net.parameters(), 1e-8, momentum=0.9), LossScale(loss, CPU)
    clean = [batch_of(9)] if clean is None else clean
    by = Reweigher(net, by_scale.loss, rule=RULES[rule](), clean=clean, optimizer=optimizer, engine="ghost")
    batches = batches_of(lambda rows: batch_of(int(rows[0])), lambda epoch: [torch.tensor([0])])
    return Trainer(by, optimizer, batches, scale=by_scale)


def test_a_batch_that_cannot_be_weighed_for_overflow_is_left_out():
    one = trainer(steep)
    before = copy.deepcopy(one.reweigher._student.module.state_dict())
    assert one.step(torch.tensor([0]), batch_of(0)) is None
    torch.testing.assert_close(one.reweigher._student.module.state_dict(), before, rtol=0, atol=0)
    assert (one.done, one.scale.loss.scale, one.reweigher.report) == (1, 2.0**9, None)
    steps = [one.step(torch.tensor([k]), batch_of(k)) for k in range(20)]
    assert steps[-1].taken
    assert 2.0**-9 < one.scale.loss.scale < 2.0**-3
    assert one.reweigher.report.step == sum(step is not None for step in steps)


@pytest.mark.parametrize("rule", RULES)
def test_a_step_whose_gradient_overflows_is_not_taken(rule):
    """By the student, its optimizer and the rule; the weights are known and told all the same."""
    one = trainer(rule=rule)
    net, taken = one.reweigher._student.module, []
    for k in range(6):
        handle = net[2].bias.register_hook(lambda g: g * math.inf) if k in (2, 4) else None
        before, rule_before = copy.deepcopy(net.state_dict()), copy.deepcopy(one.reweigher.rule.state_dict())
        step = one.step(torch.tensor([k]), batch_of(k))
        taken.append(step.taken)
        assert bool(step.weights.isfinite().all())
        same = all(torch.equal(before[name], value) for name, value in net.state_dict().items())
        assert same == (not step.taken)
        if handle is not None:
            handle.remove()
            torch.testing.assert_close(
                one.reweigher.rule.state_dict().get("net"), rule_before.get("net"), rtol=0, atol=0
            )
    assert taken == [True, True, False, True, False, True]
    assert one.scale.loss.scale == 2.0**8


def test_a_loss_that_is_not_finite_is_an_error_with_ids():
    batch = {**batch_of(0), "x": batch_of(0)["x"].index_fill(0, torch.tensor([3]), math.nan)}
    with pytest.raises(NonFinite, match=r"the loss of 1 of 16 examples .*\(ids \[3\]\)") as caught:
        trainer().step(torch.tensor([0]), batch)
    assert not isinstance(caught.value, Overflow)
    bad = batch_of(9)
    bad["x"][2] = math.nan
    with pytest.raises(NonFinite, match="clean loss") as caught:
        trainer(clean=[bad]).step(torch.tensor([0]), batch_of(0))
    assert not isinstance(caught.value, Overflow)


def test_an_overflow_without_a_scale_is_still_an_error():
    one = trainer(loss=lambda model, batch: Scaled(half, 2.0**40)(model, batch))
    one.scale = None
    with pytest.raises(Overflow):
        one.step(torch.tensor([0]), batch_of(0))


def test_too_many_in_a_row_are_said():
    one = trainer(lambda model, batch: half(model, batch) * 1e20)
    for k in range(MOST):
        assert one.step(torch.tensor([k]), batch_of(k)) is None
    with pytest.raises(NonFinite, match=rf"overflow in float16, {MOST + 1} steps in a row .* --precision bf16"):
        one.step(torch.tensor([MOST]), batch_of(MOST))


def test_callbacks_hear_of_steps_that_were_weighed():
    class Heard(Callback):
        def __init__(self):
            self.steps = []

        def on_step(self, step):
            self.steps.append((step.done, step.taken))

    one, heard = trainer(steep), Heard()
    fit(one, range(20), [heard])
    assert [done for done, _ in heard.steps][-1] == 20
    assert 0 < len(heard.steps) < 10


@pytest.mark.parametrize("rule", ["l2rw", "meta-weight-net", "uniform"])
def test_a_resume_goes_on_with_the_same_bits(rule):
    whole, first = job(rule=rule), job(rule=rule)
    for one in (whole, first):
        one.scale._scaler.set_growth_interval(4)  # so that the scale moves within and between epochs
    lines = [run_epoch(whole) for _ in range(whole.epochs)]
    run_epoch(first)
    assert first.scale.loss.scale == 2.0**13  # from 2¹⁰, at steps 4, 8 and 12
    other = job(rule=rule)
    other.load_state_dict(parse_checkpoint(checkpoint_bytes(first.state_dict()), Path("checkpoint.pt")))
    again = [run_epoch(other) for _ in range(other.epochs - 1)]
    for line in (*lines, *again):
        line.pop("seconds")
    assert whole.scale.loss.scale == LARGEST
    assert str(again) == str(lines[1:])
    for name in ("model", "optimizer", "records", "scale"):
        torch.testing.assert_close(other.state_dict()[name], whole.state_dict()[name], rtol=0, atol=0)


def test_horizons_ask_for_more_than_float16_has():
    with pytest.raises(BadInput, match="second derivatives, which float16 does not reach"):
        job(rule="meta-weight-net", horizon=3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator")
def test_on_an_accelerator():
    one = job(device="cuda")
    while one.epochs_done < one.epochs:
        line = run_epoch(one)
    assert line["train_loss"] < 2.3
