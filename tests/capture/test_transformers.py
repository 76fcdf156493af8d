"""Models of transformers: they look whether a mask is all ones, but not while they are traced."""

import pytest
import torch
from torch.nn import functional as F

from reweigh import L2RW, Reweigher

transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed: pip install reweigh[transformers]"
)
SMALL = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32, "vocab_size": 60}


def classifier():
    return transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL, num_labels=3))


def language_model():
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, num_key_value_heads=1))


def of_class(model, batch):
    logits = model(input_ids=batch["x"], attention_mask=batch["mask"]).logits
    return F.cross_entropy(logits, batch["y"], reduction="none")


def of_words(model, batch):
    logits = model(input_ids=batch["x"], attention_mask=batch["mask"]).logits[:, :-1]
    each = F.cross_entropy(logits.transpose(1, 2), batch["x"][:, 1:], reduction="none") * batch["mask"][:, 1:]
    return each.sum(1) / batch["mask"][:, 1:].sum(1)


def batch(seed, size=6, *, padded=True):
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, 9, (size,), generator=draw)
    mask = (torch.arange(8) < lengths[:, None]).long() if padded else torch.ones(size, 8, dtype=torch.int64)
    return {
        "x": torch.randint(5, 50, (size, 8), generator=draw) * mask,
        "mask": mask,
        "y": torch.randint(3, (size,), generator=draw),
    }


@pytest.mark.parametrize(("make", "loss"), [(classifier, of_class), (language_model, of_words)])
def test_recorded_passes_are_those_by_python(make, loss):
    """Dropout, AdamW, a schedule, clipping; batches with and without padding."""
    found = []
    for capture in ("off", "replay"):
        torch.manual_seed(0)
        model = make().train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
        reweigher = Reweigher(model, loss, rule=L2RW(), clean=[batch(99, 4)], capture=capture)
        weights = []
        for step in range(20):
            weights.append(reweigher.step(batch(step, padded=step % 3 > 0), optimizer, clip_norm=1.0).weights)
            schedule.step()
        found.append([*weights, *(p.detach() for p in model.parameters())])
        told = reweigher.explain()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-5)
    assert "is Python's" not in told
