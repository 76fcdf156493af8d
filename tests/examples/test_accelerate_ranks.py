"""Accelerate's loop under two processes ends where one process with batches of twice the size does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("accelerate")
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.utils.data import DataLoader

from examples import accelerate_reweigh, data
from host_ranks import on_two_processes
from many import free_port
from reweigh import Learning, MetaWeightNet, Reweigher

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _anew():
    AcceleratorState._reset_state(reset_partial_state=True)


def examples(folder, size, resume=False):
    """The example in several ways, and resumed from where it was saved."""
    AcceleratorState._reset_state(reset_partial_state=False)
    if resume:
        return accelerate_reweigh.main(size=size, epochs=1, resume_from=f"{folder}/saved").state_dict()
    return {
        "two epochs": accelerate_reweigh.main(size=size).state_dict(),
        "accumulated": accelerate_reweigh.main(size=size, accumulation=2).state_dict(),
        "one epoch": accelerate_reweigh.main(size=size, epochs=1, save_to=f"{folder}/saved").state_dict(),
    }


def test_two_processes_end_where_one_does(tmp_path):
    one, other = on_two_processes(examples, str(tmp_path), 20)
    resumed, resumed_too = on_two_processes(examples, str(tmp_path), 20, True)
    whole = examples(str(tmp_path / "alone"), 40)
    torch.testing.assert_close([one, resumed], [other, resumed_too], rtol=0, atol=0)
    torch.testing.assert_close(one, whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(resumed, one["two epochs"], rtol=1e-5, atol=1e-6)
    alone = examples(str(tmp_path), 40, True)
    torch.testing.assert_close(alone, one["two epochs"], rtol=1e-5, atol=1e-6)


def plain_sgd(parameters):
    """For the rule: Adam would blow the last bits of a small derivative up to a whole step."""
    return torch.optim.SGD(parameters, lr=5.0)


def loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def taught(size, accumulation, prepare_clean):
    """A rule that learns, with a clean loader that shuffles, prepared or not; the parameters and the rule's own."""
    noisy, clean = data.rows()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(data.listed(noisy), batch_size=size)
    shuffling = DataLoader(data.listed(clean), batch_size=size // 5, shuffle=True, generator=torch.Generator())
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    shuffling = accelerator.prepare(shuffling) if prepare_clean else shuffling
    rule = MetaWeightNet(hidden=4)
    reweigher = Reweigher(
        model, loss, rule=rule, clean=shuffling, optimizer=optimizer, learning=Learning(optimizer=plain_sgd)
    )
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward((reweigher.weigh(batch) * loss(model, batch)).sum())
            if accelerator.sync_gradients:
                reweigher.after_backward()
                accelerator.clip_grad_norm_(model.parameters(), 0.05)
            optimizer.step()
            reweigher.after_step()
            optimizer.zero_grad()
    return {
        **accelerator.unwrap_model(model).state_dict(),
        **{f"rule.{k}": p for k, p in rule.net.state_dict().items()},
    }


def all_taught(size):
    return [taught(size, accumulation, prepare_clean) for accumulation in (1, 2) for prepare_clean in (True, False)]


def test_a_rule_learns_the_same_by_two_processes():
    """A prepared clean loader hands out parts, as it does of training batches; one that is not, whole batches."""
    one, other = on_two_processes(all_taught, 20)
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    prepared = [taught(40, accumulation, True) for accumulation in (1, 2)]
    torch.testing.assert_close(one[0::2], prepared, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(a, b) for a, b in zip(one[0].values(), one[1].values(), strict=True))


@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_the_examples_run_as_users_start_them(launcher):
    root = Path(__file__).parents[2]
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--master-port",
        str(free_port()),
    ]
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1",
              "--mixed_precision", "no", "--main_process_port", str(free_port())]  # fmt: skip
    paths = os.pathsep.join([str(root), str(root / "src"), os.environ.get("PYTHONPATH", "")])
    for example in ("accelerate_reweigh", "trainer_reweigh"):
        told = [*(torchrun if launcher == "torchrun" else launch), "-m", f"examples.{example}"]
        done = subprocess.run(
            told, cwd=root, env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}, timeout=240,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
