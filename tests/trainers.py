"""Small models of transformers of each kind, with data for them, trained plainly and with weights."""

import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")
import transformers
from transformers import Trainer, TrainingArguments

from reweigh.hosts.transformers import ReweighTrainer
from reweigh.rules import Uniform

N = 14
BERT = {
    "vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8,
    "max_position_embeddings": 8, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
}  # fmt: skip
GPT = {"vocab_size": 30, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
T5 = {
    "vocab_size": 30,
    "d_model": 8,
    "d_kv": 4,
    "d_ff": 8,
    "num_layers": 1,
    "num_heads": 2,
    "decoder_start_token_id": 0,
}
VIT = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "image_size": 4,
    "patch_size": 2,
}


def _draw():
    draw = torch.Generator().manual_seed(0)
    words = torch.randint(2, 30, (N, 5), generator=draw)
    few = torch.where(torch.rand(N, 5, generator=draw) < 0.5, -100, words)  # labels of very different numbers
    few[:, 1] = words[:, 1]
    some = torch.randint(0, 3, (N,), generator=draw)
    return {
        "words": words, "some": some, "few": few, "tags": few.remainder(3).where(few != -100, few),
        "several": torch.randint(0, 2, (N, 3), generator=draw).float(), "numbers": torch.randn(N, 3, generator=draw),
        "spans": torch.randint(0, 7, (2, N), generator=draw), "pixels": torch.randn(N, 3, 4, 4, generator=draw),
    }  # fmt: skip


D = _draw()


def rows_of(**columns):
    return [{name: column[i] for name, column in columns.items()} for i in range(N)]


def bert(kind="SequenceClassification", **settings):
    return getattr(transformers, f"BertFor{kind}")(transformers.BertConfig(**(BERT | settings)))


KINDS = {
    "single label": (lambda: bert(num_labels=3), {"labels": D["some"]}),
    "several labels, told": (
        lambda: bert(num_labels=3, problem_type="multi_label_classification"), {"labels": D["several"]},
    ),
    "several labels, guessed": (lambda: bert(num_labels=3), {"labels": D["several"]}),
    "regression": (lambda: bert(num_labels=1), {"labels": D["numbers"][:, 0]}),
    "three numbers": (lambda: bert(num_labels=3, problem_type="regression"), {"labels": D["numbers"]}),
    "tokens": (lambda: bert("TokenClassification", num_labels=3), {"labels": D["tags"]}),
    "masked words": (lambda: bert("MaskedLM"), {"labels": D["few"]}),
    "answers": (
        lambda: bert("QuestionAnswering"), {"start_positions": D["spans"][0], "end_positions": D["spans"][1]},
    ),
    "choices": (lambda: bert("MultipleChoice"), {"input_ids": D["words"][:, None].repeat(1, 2, 1).cumsum(1) % 30,
                                                  "labels": D["some"] % 2}),
    "next words": (lambda: transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT)), {"labels": D["few"]}),
    "translation": (
        lambda: transformers.T5ForConditionalGeneration(transformers.T5Config(**T5)), {"labels": D["few"]},
    ),
    "images": (
        lambda: transformers.ViTForImageClassification(transformers.ViTConfig(**VIT, num_labels=3)),
        {"pixel_values": D["pixels"], "labels": D["some"]},
    ),
}  # fmt: skip


def kind_of(kind):
    make, columns = KINDS[kind]
    inputs = {} if "pixel_values" in columns or "input_ids" in columns else {"input_ids": D["words"]}
    return make, rows_of(**inputs, **columns)


def train_plain(folder, make, rows, *, resume=None, by=Trainer, given=None, **settings):
    torch.manual_seed(0)
    usual = {
        "per_device_train_batch_size": 4, "learning_rate": 0.1, "optim": "sgd", "lr_scheduler_type": "constant",
        "use_cpu": True, "report_to": "none", "disable_tqdm": True, "logging_strategy": "no", "save_strategy": "no",
        "num_train_epochs": 1, "max_grad_norm": 0,
    }  # fmt: skip
    trainer = by(make(), TrainingArguments(folder, **(usual | settings)), train_dataset=rows, **(given or {}))
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def train_weighed(folder, make, rows, *, rule=None, clean=None, given=None, **settings):
    told = {"rule": rule or Uniform(), "clean": rows[:5] if clean is None else clean, **(given or {})}
    return train_plain(folder, make, rows, by=ReweighTrainer, given=told, **settings)


def assert_same(one, other, atol=1e-6):
    for (name, p), (_, q) in zip(one.model.named_parameters(), other.model.named_parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=atol, msg=lambda said, name=name: f"{name}: {said}")
