"""Accelerate: its wrappers of optimizers and loaders are seen through, and a step is one where it makes one."""

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("accelerate")
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from torch.utils.data import DataLoader

from examples import data
from reweigh import L2RW, MetaWeightNet, Reweigher

NOISY, CLEAN = data.rows()


@pytest.fixture(autouse=True)
def _anew():
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


def _loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def _model():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    return model, torch.optim.AdamW(model.parameters(), lr=0.05)


def _loader(table, size):
    return DataLoader(data.listed(table), batch_size=size)


def _accelerated(rule, clean, accumulation):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
    model, optimizer, loader = accelerator.prepare(*_model(), _loader(NOISY, 20))
    clean = accelerator.prepare(clean) if isinstance(clean, DataLoader) else clean
    reweigher = Reweigher(model, _loss, rule=rule, clean=clean, optimizer=optimizer)
    steps = 0
    for batch in loader:
        with accelerator.accumulate(model):
            weights = reweigher.weigh(batch)
            accelerator.backward((weights * _loss(model, batch)).sum())
            steps += accelerator.sync_gradients
            optimizer.step()
            reweigher.after_step()
            optimizer.zero_grad()
    return model, steps


def _raw(rule, clean, accumulation):
    model, optimizer = _model()
    reweigher = Reweigher(model, _loss, rule=rule, clean=clean, optimizer=optimizer)
    batches = list(_loader(NOISY, 20))
    for i, batch in enumerate(batches, start=1):
        weights = reweigher.weigh(batch)
        ((weights * _loss(model, batch)).sum() / accumulation).backward()
        if i % accumulation == 0 or i == len(batches):
            optimizer.step()
            reweigher.after_step()
            optimizer.zero_grad()
    return model


@pytest.mark.parametrize("rule", [L2RW, lambda: MetaWeightNet(hidden=4)])
@pytest.mark.parametrize("prepared", [True, False])
@pytest.mark.parametrize("accumulation", [1, 3])
def test_everything_prepared_is_the_loop_by_hand(rule, prepared, accumulation):
    def clean():
        return _loader(CLEAN, 8) if prepared else [CLEAN]

    accelerated, steps = _accelerated(rule(), clean(), accumulation)
    assert steps == (8 if accumulation == 1 else 3)  # the last of three steps is made where the epoch ends
    by_hand = _raw(rule(), clean(), accumulation)
    for p, q in zip(accelerated.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-6)
