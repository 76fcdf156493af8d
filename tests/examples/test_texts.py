"""The examples for the Hugging Face Trainer against a raw loop, plain training, and themselves resumed."""

import pytest
import torch

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
from transformers import GPT2Config, GPT2LMHeadModel, TrainingArguments

from examples import data, raw, trainer_plain, trainer_reweigh
from reweigh import L2RW, MetaWeightNet, Reweigher
from reweigh.hosts.transformers import ReweighTrainer, causal_lm_loss, classification_loss


def _raw(rule=None, **settings):
    noisy, clean = data.texts()
    model = trainer_reweigh.build()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    told = {} if rule is None else {"optimizer": optimizer}
    reweigher = Reweigher(model, classification_loss, rule=rule or L2RW(), clean=clean, clean_batch_size=10, **told)
    return raw.train(model, noisy, classification_loss, optimizer, reweigher, **settings)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_trainer_ends_where_the_raw_loop_does(tmp_path, accumulation):
    converted = trainer_reweigh.main(tmp_path, gradient_accumulation_steps=accumulation)
    raw.assert_same(converted, _raw(accumulation=accumulation))
    assert raw.differ(converted, trainer_plain.main(tmp_path, gradient_accumulation_steps=accumulation))


def test_the_trainer_lets_rules_learn(tmp_path):
    converted = trainer_reweigh.main(tmp_path, rule=MetaWeightNet(hidden=8), gradient_accumulation_steps=2)
    raw.assert_same(converted, _raw(rule=MetaWeightNet(hidden=8), accumulation=2))


@pytest.mark.parametrize("rule", [L2RW, MetaWeightNet])
def test_the_trainer_resumes_with_dropout_in_the_middle_of_an_epoch(tmp_path, rule):
    whole = trainer_reweigh.main(tmp_path, rule=rule(), dropout=0.1, save_strategy="steps", save_steps=5)
    resumed = trainer_reweigh.main(tmp_path, rule=rule(), dropout=0.1, resume=str(tmp_path / "checkpoint-5"))
    raw.assert_same(resumed, whole)


def test_bf16_stays_near_float32(tmp_path):
    model, exact = trainer_reweigh.main(tmp_path, bf16=True), _raw()
    noisy, _ = data.texts()
    inputs = {"input_ids": noisy["input_ids"], "attention_mask": noisy["attention_mask"]}
    with torch.no_grad():
        moved = (model.eval()(**inputs).logits - exact.eval()(**inputs).logits).abs().mean()
    assert 0 < moved < 0.05


def _language_model():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=2))


def test_a_language_model_learns_from_the_sequences_that_the_clean_ones_confirm(tmp_path):
    torch.manual_seed(1)
    counting = (torch.arange(8) + torch.randint(12, (40, 1))) % 20
    noise = torch.randint(20, (40, 8))
    mixed = torch.stack([counting, noise], dim=1).flatten(0, 1)
    table, clean = [{"input_ids": t, "labels": t.clone()} for t in (mixed, counting[:10])]
    arguments = TrainingArguments(
        tmp_path, per_device_train_batch_size=20, num_train_epochs=8, learning_rate=0.02, use_cpu=True, report_to="none",
        disable_tqdm=True, save_strategy="no", logging_strategy="no",
    )  # fmt: skip
    trainer = ReweighTrainer(
        _language_model(), arguments, train_dataset=data.listed(table), rule=L2RW(), clean=clean,
        per_example_loss=causal_lm_loss,
    )  # fmt: skip
    trainer.train()
    weights = trainer.reweigher.weigh(table)
    assert weights[0::2].sum() > 2 * weights[1::2].sum()


def test_the_loss_of_a_language_model_is_its_own_averaged_by_sequence():
    model = _language_model().eval()
    words = torch.randint(20, (3, 8))
    labels = words.clone()
    labels[1, 5:] = -100
    losses = causal_lm_loss(model, {"input_ids": words, "labels": labels})
    for i in range(3):
        own = model(input_ids=words[i : i + 1], labels=labels[i : i + 1]).loss
        torch.testing.assert_close(losses[i], own)
