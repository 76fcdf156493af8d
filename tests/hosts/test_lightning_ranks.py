"""Lightning with two devices takes the steps that it takes with one and both batches."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("lightning")
import lightning
from torch.utils.data import DataLoader, DistributedSampler

from examples import data
from host_ranks import on_two_processes
from reweigh import L2RW, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput
from reweigh.hosts.lightning import Reweighed

pytestmark = pytest.mark.slow
NOISY, CLEAN = data.rows()
QUIET = {
    "logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False,
    "accelerator": "cpu", "max_epochs": 1,
}  # fmt: skip
RULES = {"l2rw": L2RW, "meta-weight-net": lambda: MetaWeightNet(hidden=4)}


def plain_sgd(parameters):
    """For the rule: Adam would blow the last bits of a small derivative up to a whole step."""
    return torch.optim.SGD(parameters, lr=5.0)


class Student(Reweighed, lightning.LightningModule):
    def __init__(self, rule, size, horizon=1):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2))
        self.rule, self.size, self.horizon = RULES[rule](), size, horizon

    def per_example_loss(self, batch):
        return F.cross_entropy(self.layers(batch["x"]), batch["y"], reduction="none")

    def configure_reweigher(self):
        learning = Learning(optimizer=plain_sgd, horizon=self.horizon)
        told = {"optimizer": self.optimizers().optimizer, "learning": learning} if self.rule.name != "l2rw" else {}
        return Reweigher(
            self, Student.per_example_loss, rule=self.rule, clean=CLEAN, clean_batch_size=self.size // 2, **told
        )

    def training_step(self, batch, batch_idx):
        return self.weighted_loss(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


class ByHand(Student):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        loss = self.weighted_loss(batch)
        self.optimizers().zero_grad()
        self.manual_backward(loss)
        self.optimizers().step()


def loader_of(rows, size, devices):
    """In order, of which each device has every other row; the sampler that Lightning would put there shuffles."""
    listed = data.listed(NOISY)[:rows]
    sampler = DistributedSampler(listed, shuffle=False) if devices > 1 else None
    return DataLoader(listed, batch_size=size, sampler=sampler)


def fitted(module, size, *, devices, rows=120, resume=None, save_to=None, own_loader=None, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            **QUIET | {"devices": devices, "strategy": "ddp" if devices > 1 else "auto"} | settings
        )
        loader = own_loader or loader_of(rows, size, devices)
        trainer.fit(module, loader, ckpt_path=resume)
        if save_to:
            trainer.save_checkpoint(save_to)
    net = getattr(module.rule, "net", None)
    learnt = {} if net is None else {f"rule.{name}": p for name, p in net.state_dict().items()}
    return {name: p.detach().clone() for name, p in {**module.state_dict(), **learnt}.items()}


def made(make, *args, **named):
    torch.manual_seed(0)
    return make(*args, **named)


CASES = {
    "l2rw": (Student, "l2rw", {}),
    "accumulated": (Student, "l2rw", {"accumulate_grad_batches": 2}),
    "learnt": (Student, "meta-weight-net", {"accumulate_grad_batches": 2, "gradient_clip_val": 0.05}),
    "by hand": (ByHand, "meta-weight-net", {}),
    "uneven": (Student, "l2rw", {"rows": 116}),
}


def all_fitted(size, devices):
    return {
        name: fitted(made(make, rule, size), size, devices=devices, **settings)
        for name, (make, rule, settings) in CASES.items()
    }


def assert_one(one, other, whole):
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    torch.testing.assert_close(one, whole, rtol=1e-5, atol=1e-6)


def test_two_devices_are_one():
    one, other = on_two_processes(all_fitted, 10, 2)
    whole = all_fitted(20, 1)
    for name in CASES:
        assert_one(one[name], other[name], whole[name])


def first_epoch(folder, size, devices):
    """The first one saved, in the middle of a horizon, and both."""
    for horizon in (1, 4):
        place = f"{folder}/{horizon}.ckpt"
        fitted(made(Student, "meta-weight-net", size, horizon), size, devices=devices, save_to=place)
    return fitted(made(Student, "meta-weight-net", size), size, devices=devices, max_epochs=2)


def second_epoch(folder, size, devices):
    found, said = {}, []
    for horizon in (1, 4):
        told = {"devices": devices, "max_epochs": 2, "resume": f"{folder}/{horizon}.ckpt"}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(warnings, "warn", lambda message, *args, **named: said.append(str(message)))
            found[horizon] = fitted(made(Student, "meta-weight-net", size, horizon), size, **told)
    return found, sum("fewer steps" in one for one in said)


def test_a_fit_goes_on_with_as_many_devices_or_another_number(tmp_path):
    """Lightning saves the first device's state for all; the steps of a horizon are each device's own."""
    whole, _ = on_two_processes(first_epoch, str(tmp_path), 10, 2)
    for (one, told), (other, told_too) in [on_two_processes(second_epoch, str(tmp_path), 10, 2)]:
        assert_one(one[1], other[1], whole)
        torch.testing.assert_close(one[4], other[4], rtol=0, atol=0)
        assert told == told_too == 1
    fewer, told = second_epoch(str(tmp_path), 20, 1)
    torch.testing.assert_close(fewer[1], whole, rtol=1e-5, atol=1e-6)
    assert told == 1


def uneven():
    rank = torch.distributed.get_rank()
    rows = data.listed(NOISY)[: 40 - 20 * rank]
    try:
        fitted(
            made(Student, "l2rw", 10), 10, devices=2, own_loader=DataLoader(rows, batch_size=10),
            use_distributed_sampler=False,
        )  # fmt: skip
    except BadInput as refusal:
        return str(refusal)


def test_unevenly_many_batches_are_refused_by_both():
    for said in on_two_processes(uneven):
        assert said.startswith("the processes have 4, 2 batches an epoch")


SCRIPT = """
import sys, torch
sys.path[:0] = {path!r}
from examples import lightning_reweigh
if __name__ == "__main__":
    layers = lightning_reweigh.main(devices=2, strategy={strategy!r}, max_steps=4)
    import os
    if os.environ.get("LOCAL_RANK", "0") == "0":
        torch.save(layers.state_dict(), {place!r})
"""


@pytest.mark.parametrize("strategy", ["ddp", "ddp_spawn"])
def test_processes_that_lightning_starts(tmp_path, strategy):
    script, place = tmp_path / "script.py", str(tmp_path / "layers.pt")
    here = str(Path(__file__).parents[2])
    script.write_text(SCRIPT.format(path=[here], strategy=strategy, place=place))
    done = subprocess.run([sys.executable, script], timeout=240, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(torch.isfinite(p).all() for p in torch.load(place).values())
