"""trainer_plain.py with weights."""

import tempfile

import torch
from transformers import BertConfig, BertForSequenceClassification, TrainingArguments

from examples import data
from reweigh import L2RW
from reweigh.hosts.transformers import ReweighTrainer


def build(dropout=0.0):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=8, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    return BertForSequenceClassification(config)  # or .from_pretrained(...)


def main(folder, rule=None, dropout=0.0, resume=None, **settings):
    noisy, clean = data.texts()
    arguments = TrainingArguments(
        folder, per_device_train_batch_size=20, learning_rate=0.1, optim="sgd", lr_scheduler_type="constant",
        max_grad_norm=0, use_cpu=True, report_to="none", disable_tqdm=True, logging_strategy="no",
        train_sampling_strategy="sequential", **{"num_train_epochs": 2, "save_strategy": "no"} | settings,
    )  # fmt: skip
    trainer = ReweighTrainer(
        build(dropout),
        arguments,
        train_dataset=data.listed(noisy),
        rule=rule or L2RW(),
        clean=clean,
        reweigh={"clean_batch_size": 10},
    )
    trainer.train(resume_from_checkpoint=resume)
    return trainer.model


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(folder)
