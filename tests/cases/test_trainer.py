"""Hugging Face Trainer: with weights of 1/B it is the plain Trainer, whatever the loss; what cannot be honoured is named."""

import warnings

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")
import datasets
import transformers
from torch.utils.data import DataLoader
from transformers import Trainer, TrainingArguments, default_data_collator

from reweigh import L2RW, MetaWeightNet
from reweigh.errors import BadInput, NonFinite
from reweigh.hosts.transformers import ReweighTrainer, classification_loss
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


@pytest.fixture(autouse=True)
def _quiet():
    transformers.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="transformers|torch|accelerate")
        yield


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


def _rows(**columns):
    return [{name: column[i] for name, column in columns.items()} for i in range(N)]


def _bert(kind="SequenceClassification", **settings):
    return getattr(transformers, f"BertFor{kind}")(transformers.BertConfig(**(BERT | settings)))


KINDS = {
    "single label": (lambda: _bert(num_labels=3), {"labels": D["some"]}),
    "several labels, told": (
        lambda: _bert(num_labels=3, problem_type="multi_label_classification"), {"labels": D["several"]},
    ),
    "several labels, guessed": (lambda: _bert(num_labels=3), {"labels": D["several"]}),
    "regression": (lambda: _bert(num_labels=1), {"labels": D["numbers"][:, 0]}),
    "three numbers": (lambda: _bert(num_labels=3, problem_type="regression"), {"labels": D["numbers"]}),
    "tokens": (lambda: _bert("TokenClassification", num_labels=3), {"labels": D["tags"]}),
    "masked words": (lambda: _bert("MaskedLM"), {"labels": D["few"]}),
    "answers": (
        lambda: _bert("QuestionAnswering"), {"start_positions": D["spans"][0], "end_positions": D["spans"][1]},
    ),
    "choices": (lambda: _bert("MultipleChoice"), {"input_ids": D["words"][:, None].repeat(1, 2, 1).cumsum(1) % 30,
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


def _of(kind):
    make, columns = KINDS[kind]
    inputs = {} if "pixel_values" in columns or "input_ids" in columns else {"input_ids": D["words"]}
    return make, _rows(**inputs, **columns)


def _train(folder, make, rows, *, resume=None, by=Trainer, given=None, **settings):
    torch.manual_seed(0)
    usual = {
        "per_device_train_batch_size": 4, "learning_rate": 0.1, "optim": "sgd", "lr_scheduler_type": "constant",
        "use_cpu": True, "report_to": "none", "disable_tqdm": True, "logging_strategy": "no", "save_strategy": "no",
        "num_train_epochs": 1, "max_grad_norm": 0,
    }  # fmt: skip
    trainer = by(make(), TrainingArguments(folder, **(usual | settings)), train_dataset=rows, **(given or {}))
    trainer.train(resume_from_checkpoint=resume)
    return trainer


def _weighed(folder, make, rows, *, rule=None, clean=None, given=None, **settings):
    told = {"rule": rule or Uniform(), "clean": rows[:5] if clean is None else clean, **(given or {})}
    return _train(folder, make, rows, by=ReweighTrainer, given=told, **settings)


def _assert_same(one, other, atol=1e-6):
    for (name, p), (_, q) in zip(one.model.named_parameters(), other.model.named_parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=atol, msg=lambda said, name=name: f"{name}: {said}")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_one_are_the_plain_trainer(tmp_path, kind):
    make, rows = _of(kind)
    weighed, plain = _weighed(tmp_path, make, rows), _train(tmp_path, make, rows)
    _assert_same(weighed, plain)
    assert weighed.model.config.problem_type == plain.model.config.problem_type


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_weighs_by_the_loss_that_is_trained(tmp_path, kind):
    make, rows = _of(kind)
    trainer = _weighed(tmp_path, make, rows, rule=L2RW(), max_steps=1)
    model, batch = trainer.model.eval(), default_data_collator(rows[:4])
    alone = torch.stack([_own(model, {name: v[i : i + 1] for name, v in batch.items()}) for i in range(4)])
    losses = trainer._losses(model, batch).detach()
    if kind in ("tokens", "masked words", "next words", "translation"):  # by the number of labels, as the Trainer does
        counts = (batch["labels"][:, 1 if kind == "next words" else 0 :] != -100).sum(1)
        alone = alone * counts / counts.float().mean()
    if kind != "answers":
        torch.testing.assert_close(losses, alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(losses.mean(), _own(model, batch), rtol=1e-4, atol=1e-5)


def _own(model, batch):
    with torch.no_grad():
        return model(**batch).loss


@pytest.mark.parametrize("kind", ["next words", "images", "answers"])
def test_accumulated_batches_of_different_lengths_are_the_plain_trainer(tmp_path, kind):
    make, rows = _of(kind)
    settings = {"gradient_accumulation_steps": 3}
    _assert_same(_weighed(tmp_path, make, rows, **settings), _train(tmp_path, make, rows, **settings))


def test_that_a_model_ignores_the_number_of_items_is_said(tmp_path):
    make, rows = _of("tokens")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        _weighed(tmp_path, make, rows, gradient_accumulation_steps=2)
    assert any("takes num_items_in_batch and does not use it" in str(w.message) for w in told)


@pytest.mark.parametrize("kind", ["single label", "tokens", "next words", "several labels, told", "answers"])
def test_label_smoothing_is_the_plain_trainers(tmp_path, kind):
    make, rows = _of(kind)
    settings = {"label_smoothing_factor": 0.2, "gradient_accumulation_steps": 2 if kind == "next words" else 1}
    weighed = _weighed(tmp_path, make, rows, **settings)
    _assert_same(weighed, _train(tmp_path, make, rows, **settings))
    if kind not in ("answers", "several labels, told"):
        batch = default_data_collator(rows[:4])
        with torch.no_grad():
            smooth = weighed._losses(weighed.model.eval(), batch).mean()
        assert abs(smooth - _own(weighed.model, batch)) > 1e-4


def test_label_smoothing_without_decoder_inputs_or_classes_is_refused(tmp_path):
    def bart():
        sizes = {f"{part}_{what}": size for part in ("encoder", "decoder")
                 for what, size in (("layers", 1), ("attention_heads", 2), ("ffn_dim", 8))}  # fmt: skip
        config = transformers.BartConfig(vocab_size=30, d_model=8, max_position_embeddings=8, **sizes)
        return transformers.BartForConditionalGeneration(config)

    with pytest.raises(
        BadInput, match="label_smoothing_factor= keeps the labels from the model, so its decoder has no"
    ):
        _weighed(tmp_path, bart, _of("translation")[1], label_smoothing_factor=0.1)
    with pytest.raises(BadInput, match="label_smoothing_factor= smooths the labels of classes"):
        _weighed(tmp_path, *_of("regression"), label_smoothing_factor=0.1)


def test_a_loss_function_of_ones_own_with_a_loss_an_example_is_weighed(tmp_path):
    def one_each(outputs, labels, num_items_in_batch=None):
        return F.multi_margin_loss(outputs["logits"], labels, reduction="none")

    def one_for_all(outputs, labels, num_items_in_batch=None):
        return one_each(outputs, labels).mean()

    make, rows = _of("single label")
    weighed = _weighed(tmp_path, make, rows, given={"compute_loss_func": one_each})
    _assert_same(weighed, _train(tmp_path, make, rows, given={"compute_loss_func": one_for_all}))
    assert weighed.evaluate(rows)["eval_loss"] > 0
    with pytest.raises(BadInput, match="compute_loss_func= returned shape"):
        _weighed(tmp_path, make, rows, given={"compute_loss_func": one_for_all})


def _with_loss_function(model):
    model.loss_function = lambda logits, labels, **named: logits.square().mean()
    return model


class _WithMore(transformers.BertForSequenceClassification):
    def forward(self, input_ids=None, labels=None, **named):
        outputs = super().forward(input_ids, labels=labels, **named)
        if outputs.loss is not None:
            outputs.loss = outputs.loss + 0.1  # as a router's loss, or a penalty, would be
        return outputs


def _with_more(model):
    return _WithMore(model.config)


@pytest.mark.parametrize(
    ("change", "given", "sentence"),
    [
        (_with_loss_function, {}, "loss_function of the model was set to"),
        (_with_more, {}, "descends something else than transformers' usual losses"),
        (
            None,
            {"label_smoothing_factor": 0.1, "per_example_loss": classification_loss},
            "label_smoothing_factor= changes",
        ),
        (None, {"compute_loss_func": print, "per_example_loss": classification_loss}, "compute_loss_func= changes"),
        (None, {"compute_loss_func": print, "label_smoothing_factor": 0.1}, "label_smoothing_factor= does nothing"),
        (
            None,
            {"data_collator": transformers.DataCollatorWithFlattening()},
            "DataCollatorWithFlattening joins a batch",
        ),
        (None, {"problem_type": "ordinal"}, "config.problem_type is 'ordinal'"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(tmp_path, change, given, sentence):
    def make():
        model = _bert(num_labels=3)
        model.config.problem_type = given.get("problem_type")
        return change(model) if change else model

    of_trainer = {n: given[n] for n in ("per_example_loss", "compute_loss_func", "data_collator") if n in given}
    of_arguments = {n: value for n, value in given.items() if n not in {*of_trainer, "problem_type"}}
    with pytest.raises(BadInput, match=sentence):
        _weighed(tmp_path, make, _of("single label")[1], given=of_trainer, **of_arguments)


def test_half_precision_that_scales_losses_is_refused(tmp_path):
    arguments = TrainingArguments(tmp_path, use_cpu=True, report_to="none")
    arguments.fp16 = True  # where there is no accelerator, transformers itself refuses to be told so
    with pytest.raises(BadInput, match="fp16=True scales the training loss"):
        ReweighTrainer(_of("single label")[0](), arguments, train_dataset=_of("single label")[1], rule=L2RW(), clean={})


class _Tokenizer:
    """Pads ragged rows, as a tokenizer's collator does."""

    def __call__(self, examples):
        words = [list(e["input_ids"]) for e in examples]
        longest = max(map(len, words))
        return transformers.BatchEncoding({
            "input_ids": torch.tensor([w + [0] * (longest - len(w)) for w in words]),
            "attention_mask": torch.tensor([[1] * len(w) + [0] * (longest - len(w)) for w in words]),
            "labels": torch.tensor([e["label"] for e in examples]),
        })  # fmt: skip


def _ragged(as_dataset=True):
    rows = [{"input_ids": D["words"][i, : 2 + i % 4].tolist(), "label": int(D["some"][i]), "text": "…", "idx": 100 + i}
            for i in range(N)]  # fmt: skip
    return datasets.Dataset.from_list(rows) if as_dataset else rows


@pytest.mark.parametrize("rule", [Uniform, L2RW, lambda: MetaWeightNet(hidden=4)])
def test_a_dataset_of_ragged_rows_is_a_clean_set_by_the_trainers_own_collator(tmp_path, rule):
    given = {"data_collator": _Tokenizer()}
    rows, make = _ragged(), lambda: _bert(num_labels=3)
    trainer = _weighed(tmp_path, make, rows, rule=rule(), clean=_ragged().select(range(6)), given=given)
    if rule is Uniform:
        _assert_same(trainer, _train(tmp_path, make, rows, given=given))
    else:
        assert trainer.reweigher.report.clean_loss > 0


def test_all_forms_of_a_clean_set_are_the_same(tmp_path):
    collate = _Tokenizer()
    rows, few = _ragged(), _ragged(False)[:6]
    whole = collate(few)
    loader = DataLoader(few, batch_size=6, collate_fn=collate)
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    trained = [
        _weighed(
            tmp_path,
            lambda: _bert(num_labels=3, **still),
            rows,
            rule=L2RW(),
            clean=clean,
            given={"data_collator": collate},
        )
        for clean in (rows.select(range(6)), few, [whole], loader, whole, dict(whole))
    ]
    for other in trained[1:]:
        _assert_same(other, trained[0], atol=1e-5)


def test_a_stream_of_clean_examples_gets_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="clean= is an IterableDataset"):
        _weighed(tmp_path, lambda: _bert(num_labels=3), _ragged(), clean=_ragged().to_iterable_dataset())


@pytest.mark.parametrize("as_dataset", [True, False])
def test_a_bad_example_is_named_by_the_id_that_the_trainer_drops(tmp_path, as_dataset):
    def broken(model, batch):
        assert "idx" not in batch
        losses = classification_loss(model, batch)
        return losses + torch.where(batch["input_ids"][:, 0] == D["words"][3, 0], float("nan"), 0.0)

    given = {"data_collator": _Tokenizer(), "per_example_loss": broken}
    with pytest.raises(NonFinite, match=r"ids .*103"):
        _weighed(tmp_path, lambda: _bert(num_labels=3), _ragged(as_dataset), given=given, clean=_clean_apart())


def _clean_apart():
    return {"input_ids": torch.ones(4, 3, dtype=torch.long), "labels": torch.tensor([0, 1, 2, 0])}


@pytest.mark.parametrize("kind", ["tokens", "next words", "several labels, told"])
@pytest.mark.parametrize("rule", [L2RW, lambda: MetaWeightNet(hidden=4)])
def test_resumed_training_is_training_that_went_on(tmp_path, kind, rule):
    make, rows = _of(kind)
    settings = {"num_train_epochs": 2, "save_strategy": "steps", "save_steps": 2, "gradient_accumulation_steps": 2}
    whole = _weighed(tmp_path, make, rows, rule=rule(), **settings)
    resumed = _weighed(tmp_path, make, rows, rule=rule(), **settings, resume=str(tmp_path / "checkpoint-2"))
    assert resumed.reweigher.report.step == whole.reweigher.report.step == 8
    _assert_same(resumed, whole)


@pytest.mark.parametrize(
    "settings", [{"max_grad_norm": 1e-3}, {"max_grad_norm": 1e-3, "gradient_accumulation_steps": 2}]
)
def test_rules_that_learn_know_of_clipping(tmp_path, settings):
    trainer = _weighed(tmp_path, *_of("single label"), rule=MetaWeightNet(hidden=4), **settings)
    assert all(step.factor < 0.5 for step in trainer.reweigher._learner._window.steps)


def test_another_model_made_by_model_init_is_weighed_by_itself(tmp_path):
    make, rows = _of("single label")
    rule = MetaWeightNet(hidden=4)
    arguments = TrainingArguments(
        tmp_path, use_cpu=True, report_to="none", disable_tqdm=True, save_strategy="no", max_steps=2
    )
    trainer = ReweighTrainer(args=arguments, model_init=lambda: make(), train_dataset=rows, rule=rule, clean=rows[:5])
    trainer.train()
    first, learnt = trainer.reweigher, rule.state_dict()
    trainer.train()
    assert trainer.reweigher is not first
    assert trainer.reweigher._model is trainer.model
    for name, value in rule.state_dict()["net"].items() if "net" in learnt else ():
        assert torch.equal(value, learnt["net"][name])  # the second model has a rule of its own


def test_logs_tell_of_the_weights(tmp_path):
    trainer = _weighed(tmp_path, *_of("tokens"), rule=L2RW(), logging_strategy="steps", logging_steps=1)
    of_steps = [line for line in trainer.state.log_history if "loss" in line]
    assert all({"clean_loss", "effective_sample_size", "zero_share"} <= set(line) for line in of_steps)


@pytest.mark.parametrize("kind", ["several labels, told", "tokens", "next words"])
def test_evaluation_is_the_plain_trainers(tmp_path, kind):
    make, rows = _of(kind)
    settings = {"label_smoothing_factor": 0.1} if kind == "tokens" else {}
    weighed, plain = (train(tmp_path, make, rows, **settings) for train in (_weighed, _train))
    assert weighed.evaluate(rows)["eval_loss"] == pytest.approx(plain.evaluate(rows)["eval_loss"], abs=1e-6)


@pytest.mark.parametrize("kind", ["single label", "tokens", "next words"])
def test_bf16_with_sequences_as_long_as_the_batch_keeps_the_ghost_engine(tmp_path, kind):
    make, rows = _of(kind)
    settings = {"bf16": True, "per_device_train_batch_size": 5, "dataloader_drop_last": True}  # T = B = 5
    trainer = _weighed(tmp_path, make, rows, rule=L2RW(), **settings)
    assert "uses Ghost" in trainer.reweigher.explain()


class _Own(torch.nn.Module):
    """A module of one's own, whose forward pass needs the labels."""

    def __init__(self, loss):
        super().__init__()
        self.layer, self.loss = torch.nn.Linear(5, 3), loss

    def forward(self, input_ids, labels):
        logits = self.layer(input_ids / 30)
        return {"loss": self.loss(logits, labels), "logits": logits}


def test_a_module_of_ones_own_is_taken_where_its_loss_is_a_usual_one(tmp_path):
    rows = _of("single label")[1]
    weighed, plain = (train(tmp_path, lambda: _Own(F.cross_entropy), rows) for train in (_weighed, _train))
    _assert_same(weighed, plain)
    with pytest.raises(BadInput, match="descends something else than transformers' usual losses"):
        _weighed(tmp_path, lambda: _Own(F.multi_margin_loss), rows)
