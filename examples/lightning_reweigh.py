"""lightning_plain.py with weights."""

import lightning
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from examples import data
from reweigh import L2RW, Reweigher
from reweigh.hosts.lightning import Reweighed


class Student(Reweighed, lightning.LightningModule):
    def __init__(self, clean, rule=None):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))
        self.clean, self.rule = clean, rule or L2RW()

    def forward(self, x):
        return self.layers(x)

    def per_example_loss(self, batch):
        return F.cross_entropy(self(batch["x"]), batch["y"], reduction="none")

    def configure_reweigher(self):
        optimizer = self.optimizers().optimizer  # rules that learn look at its steps
        given = {} if self.rule.name == "l2rw" else {"optimizer": optimizer}
        clean = {name: column.to(self.device) for name, column in self.clean.items()}
        return Reweigher(self, Student.per_example_loss, rule=self.rule, clean=clean, clean_batch_size=10, **given)

    def training_step(self, batch, batch_idx):
        return self.weighted_loss(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def main(epochs=2, rule=None, save_to=None, resume_from=None, **trainer):
    noisy, clean = data.rows()
    torch.manual_seed(0)
    student = Student(clean, rule)
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    fitted = lightning.Trainer(max_epochs=epochs, accelerator="cpu", **quiet, **trainer)
    fitted.fit(student, DataLoader(data.listed(noisy), batch_size=20), ckpt_path=resume_from)
    if save_to:
        fitted.save_checkpoint(save_to)
    return student.layers


if __name__ == "__main__":
    main()
