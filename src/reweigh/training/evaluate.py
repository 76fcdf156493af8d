"""Accuracy on the test set."""

import torch
from torch import nn

from reweigh.data import Examples


def accuracy(model: nn.Module, examples: Examples, device: torch.device, batch_size: int = 1000) -> float:
    """The share of `examples` whose given label the model, in eval mode, gives the largest logit.

    The model's train/eval mode is left as found.
    """
    training, right = model.training, 0
    model.eval()
    try:
        with torch.no_grad():
            for rows in torch.split(torch.arange(len(examples)), batch_size):
                batch = examples.batch(rows)
                predicted = model(batch["x"].to(device)).argmax(1)
                right += int((predicted == batch["y"].to(device)).sum())
    finally:
        model.train(training)
    return right / len(examples)
