"""Plain training with Lightning; lightning_reweigh.py is the same with weights."""

import lightning
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader

from examples import data


class Student(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 2))

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, batch_idx):
        return F.cross_entropy(self(batch["x"]), batch["y"])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def main(epochs=2, **trainer):
    noisy, _ = data.rows()
    torch.manual_seed(0)
    student = Student()
    quiet = {
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "enable_checkpointing": False,
    }
    fitted = lightning.Trainer(max_epochs=epochs, accelerator="cpu", **quiet, **trainer)
    fitted.fit(student, DataLoader(data.listed(noisy), batch_size=20))
    return student.layers


if __name__ == "__main__":
    main()
