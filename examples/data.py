"""Made-up data for the examples: 160 rows or short texts of which 40 % carry a wrong label, and 24 checked ones."""

import torch


def rows():
    torch.manual_seed(0)
    x = torch.randn(184, 8)
    truth = (x[:, :2].sum(1) > 0).long()
    return _split({"x": x, "y": truth}, "y")


def texts():
    torch.manual_seed(0)
    words = torch.randint(2, 50, (184, 6))
    truth = (words[:, 1] > 25).long()
    return _split({"input_ids": words, "attention_mask": torch.ones_like(words), "labels": truth}, "labels")


def listed(table):
    """The rows of a table one by one, as data loaders want them."""
    return [{name: column[i] for name, column in table.items()} for i in range(len(next(iter(table.values()))))]


def _split(table, labels):
    noisy = {name: column[:160].clone() for name, column in table.items()}
    noisy[labels][torch.rand(160) < 0.4] = 0
    return noisy, {name: column[160:] for name, column in table.items()}
