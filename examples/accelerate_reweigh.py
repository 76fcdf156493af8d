"""accelerate_plain.py with weights: the plain Reweigher, which Accelerate saves and loads with everything else."""

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch.utils.data import DataLoader

from examples import data
from reweigh import L2RW, Reweigher


def per_example_loss(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def main(epochs=2, accumulation=1, precision="no", size=20, save_to=None, resume_from=None):
    noisy, clean = data.rows()
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation, mixed_precision=precision)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loader = DataLoader(data.listed(noisy), batch_size=size)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    clean = {name: column.to(accelerator.device) for name, column in clean.items()}
    reweigher = Reweigher(model, per_example_loss, rule=L2RW(), clean=clean, clean_batch_size=size // 2)
    accelerator.register_for_checkpointing(reweigher)
    if resume_from:
        accelerator.load_state(resume_from)
    for _ in range(epochs):
        for batch in loader:
            with accelerator.accumulate(model):
                weights = reweigher.weigh(batch)
                losses = per_example_loss(model, batch)
                accelerator.backward((weights * losses).sum())
                optimizer.step()
                optimizer.zero_grad()
    if save_to:
        accelerator.save_state(save_to)
    return accelerator.unwrap_model(model)


if __name__ == "__main__":
    main()
