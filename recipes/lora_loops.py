"""Two ways to fine-tune with weights, for the LoRA recipe: a loop of one's own, and TRL's SFTTrainer."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lora_texts import Texts, on_device
from reweigh import Reweigher
from reweigh.hosts.transformers import causal_lm_loss, causal_lm_token_loss
from reweigh.rules import Rule, Uniform
from reweigh.tasks.language_model import IGNORED


class Way(NamedTuple):
    """A row of the table: how rows weigh, sequences or tokens, and what is learnt from."""

    rule: Callable[[], Rule]
    per: str = "example"
    learns: str = "mix"


@dataclass(frozen=True)
class Course:
    """How both of them train."""

    steps: int
    seed: int
    batch_size: int
    lr: float


def by_loop(network: Any, way: Way, train: Texts, target: Texts, course: Course, tokenizer: Any) -> Tensor | None:
    """A loop of one's own; returns each row's mean weight, (N,), of tokens the sum of theirs, NaN of rows not seen."""
    loss = causal_lm_loss if way.per == "example" else causal_lm_token_loss
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=course.lr, weight_decay=0.0)
    reweigher = Reweigher(
        network,
        loss,
        rule=way.rule(),
        clean=on_device(target.whole, network),
        per=way.per,
        clean_batch_size=course.batch_size,
    )
    sums, visits = torch.zeros(2, len(train.rows))
    draw = torch.Generator().manual_seed(course.seed)
    network.train()
    for _ in range(course.steps):
        places = torch.randint(len(train.rows), (course.batch_size,), generator=draw)
        optimizer.zero_grad()
        _, weights = reweigher.backward(on_device(train.batch(places.tolist()), network))
        optimizer.step()
        sums.index_add_(0, places, weights.float().cpu().view(len(places), -1).sum(1))
        visits.index_add_(0, places, torch.ones(len(places)))
    return None if isinstance(reweigher.rule, Uniform) else sums / visits


def by_trl(network: Any, way: Way, train: Texts, target: Texts, course: Course, tokenizer: Any) -> None:
    """TRL's SFTTrainer; weights of its rows are not told."""
    import trl  # an extra of the recipe
    from datasets import Dataset

    from reweigh.hosts.transformers import ReweighTrainer

    class ReweighSFT(ReweighTrainer, trl.SFTTrainer):  # type: ignore[misc]
        """Supervised fine-tuning with weights."""

    def rows_of(texts: Texts) -> Dataset:
        both = [(row.ids, row.counts) for row in texts.rows]
        labels = [[i if c else IGNORED for i, c in zip(ids, counts, strict=True)] for ids, counts in both]
        ids = {"id": list(range(len(both)))}  # a rule with a memory knows rows by them
        return Dataset.from_dict({"input_ids": [tokens for tokens, _ in both], "labels": labels, **ids})

    loss = causal_lm_token_loss if way.per == "token" else None
    with tempfile.TemporaryDirectory() as folder:
        told = trl.SFTConfig(
            folder,
            per_device_train_batch_size=course.batch_size,
            learning_rate=course.lr,
            weight_decay=0.0,
            seed=course.seed,
            max_steps=course.steps,
            lr_scheduler_type="constant",
            use_cpu=next(network.parameters()).device.type == "cpu",
            bf16=False,
            gradient_checkpointing=False,
            max_length=None,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            logging_strategy="no",
        )
        trainer = ReweighSFT(
            model=network, args=told, train_dataset=rows_of(train), processing_class=tokenizer, rule=way.rule(),
            clean=rows_of(target), per_example_loss=loss, reweigh={"per": way.per, "clean_batch_size": course.batch_size},
        )  # fmt: skip
        trainer.train()


HOSTS = {"loop": by_loop, "trl": by_trl}


@torch.no_grad()
def loss_on(network: nn.Module, texts: Texts, size: int) -> float:
    """In nats a token, of all tokens that count."""
    network.eval()
    summed = counted = 0.0
    for start in range(0, len(texts.rows), size):
        batch = texts.batch(range(start, min(start + size, len(texts.rows))))
        losses, counts = causal_lm_token_loss(network, on_device(batch, network))
        summed, counted = summed + float(losses[counts].sum()), counted + int(counts.sum())
    return summed / counted
