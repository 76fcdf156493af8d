"""bf16: the model's passes under autocast, losses and parameters in float32, and it learns what float32 learns."""

import pytest
import torch

from reweigh.run.job.job import assemble
from reweigh.run.job.loop import run_epoch
from reweigh.run.job.prepare import prepare
from reweigh.settings import Settings
from reweigh.settings.usual import resolved


def job(precision):
    config = resolved(Settings.of(dataset="digits", noise="background:0.4", steps=60, precision=precision, threads=1))
    return assemble(config, prepare(config))


def test_passes_are_in_bfloat16_and_what_is_learnt_in_float32():
    half, whole = job("bf16"), job("fp32")
    seen = []
    linear = next(module for module in half.model.modules() if isinstance(module, torch.nn.Linear))
    linear.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    lines = []
    for one in (half, whole):
        while one.epochs_done < one.epochs:
            line = run_epoch(one)
        lines.append(line)
    assert torch.bfloat16 in seen
    assert {p.dtype for p in half.model.parameters()} == {torch.float32}
    assert lines[0]["train_loss"] != lines[1]["train_loss"]
    assert lines[0]["train_loss"] == pytest.approx(lines[1]["train_loss"], rel=0.05)
