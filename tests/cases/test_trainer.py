"""Hugging Face Trainer: with weights of 1/B it is the plain Trainer, whatever the loss; what cannot be honoured is named."""

import warnings

import pytest
import torch
import torch.nn.functional as F

from trainers import KINDS, assert_same, bert, kind_of, train_plain, train_weighed

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")
import transformers
from transformers import TrainingArguments, default_data_collator

from reweigh import L2RW, MetaWeightNet
from reweigh.errors import BadInput
from reweigh.hosts.transformers import ReweighTrainer, classification_loss
from reweigh.hosts.transformers.refusals import refuse_what_cannot_be_honoured

pytestmark = pytest.mark.usefixtures("quiet_transformers")


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_one_are_the_plain_trainer(tmp_path, kind):
    make, rows = kind_of(kind)
    weighed, plain = train_weighed(tmp_path, make, rows), train_plain(tmp_path, make, rows)
    assert_same(weighed, plain)
    assert weighed.model.config.problem_type == plain.model.config.problem_type


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_weighs_by_the_loss_that_is_trained(tmp_path, kind):
    make, rows = kind_of(kind)
    trainer = train_weighed(tmp_path, make, rows, rule=L2RW(), max_steps=1)
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
    make, rows = kind_of(kind)
    settings = {"gradient_accumulation_steps": 3}
    assert_same(train_weighed(tmp_path, make, rows, **settings), train_plain(tmp_path, make, rows, **settings))


def test_that_a_model_ignores_the_number_of_items_is_said(tmp_path):
    make, rows = kind_of("tokens")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        train_weighed(tmp_path, make, rows, gradient_accumulation_steps=2)
    assert any("takes num_items_in_batch and does not use it" in str(w.message) for w in told)


@pytest.mark.parametrize("kind", ["single label", "tokens", "next words", "several labels, told", "answers"])
def test_label_smoothing_is_the_plain_trainers(tmp_path, kind):
    make, rows = kind_of(kind)
    settings = {"label_smoothing_factor": 0.2, "gradient_accumulation_steps": 2 if kind == "next words" else 1}
    weighed = train_weighed(tmp_path, make, rows, **settings)
    assert_same(weighed, train_plain(tmp_path, make, rows, **settings))
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
        train_weighed(tmp_path, bart, kind_of("translation")[1], label_smoothing_factor=0.1)
    with pytest.raises(BadInput, match="label_smoothing_factor= smooths the labels of classes"):
        train_weighed(tmp_path, *kind_of("regression"), label_smoothing_factor=0.1)


def test_a_loss_function_of_ones_own_with_a_loss_an_example_is_weighed(tmp_path):
    def one_each(outputs, labels, num_items_in_batch=None):
        return F.multi_margin_loss(outputs["logits"], labels, reduction="none")

    def one_for_all(outputs, labels, num_items_in_batch=None):
        return one_each(outputs, labels).mean()

    make, rows = kind_of("single label")
    weighed = train_weighed(tmp_path, make, rows, given={"compute_loss_func": one_each})
    assert_same(weighed, train_plain(tmp_path, make, rows, given={"compute_loss_func": one_for_all}))
    assert weighed.evaluate(rows)["eval_loss"] > 0
    with pytest.raises(BadInput, match="compute_loss_func= returned shape"):
        train_weighed(tmp_path, make, rows, given={"compute_loss_func": one_for_all})


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
        model = bert(num_labels=3)
        model.config.problem_type = given.get("problem_type")
        return change(model) if change else model

    of_trainer = {n: given[n] for n in ("per_example_loss", "compute_loss_func", "data_collator") if n in given}
    of_arguments = {n: value for n, value in given.items() if n not in {*of_trainer, "problem_type"}}
    with pytest.raises(BadInput, match=sentence):
        train_weighed(tmp_path, make, kind_of("single label")[1], given=of_trainer, **of_arguments)


def test_half_precision_that_scales_losses_is_refused(tmp_path):
    arguments = TrainingArguments(tmp_path, use_cpu=True, report_to="none")
    arguments.fp16 = True  # where there is no accelerator, transformers itself refuses to be told so
    with pytest.raises(BadInput, match="fp16=True scales the training loss"):
        ReweighTrainer(
            kind_of("single label")[0](), arguments, train_dataset=kind_of("single label")[1], rule=L2RW(), clean={}
        )


def test_what_accelerate_launch_asks_for_is_refused_too(tmp_path, monkeypatch):
    rows = kind_of("single label")[1]
    arguments = TrainingArguments(tmp_path, use_cpu=True, report_to="none")
    trainer = ReweighTrainer(kind_of("single label")[0](), arguments, train_dataset=rows, rule=L2RW(), clean=rows[:5])
    refuse_what_cannot_be_honoured(trainer, None)
    monkeypatch.setattr(type(trainer.accelerator), "mixed_precision", "fp16")
    with pytest.raises(BadInput, match="fp16=True scales the training loss"):
        refuse_what_cannot_be_honoured(trainer, None)
    for name in ("fsdp", "deepspeed"):
        setattr(trainer, f"is_{name}_enabled", True)
        with pytest.raises(BadInput, match=f"{name}= shards the parameters"):
            refuse_what_cannot_be_honoured(trainer, None)


@pytest.mark.parametrize("kind", ["tokens", "next words", "several labels, told"])
@pytest.mark.parametrize("rule", [L2RW, lambda: MetaWeightNet(hidden=4)])
def test_resumed_training_is_training_that_went_on(tmp_path, kind, rule):
    make, rows = kind_of(kind)
    settings = {"num_train_epochs": 2, "save_strategy": "steps", "save_steps": 2, "gradient_accumulation_steps": 2}
    whole = train_weighed(tmp_path, make, rows, rule=rule(), **settings)
    resumed = train_weighed(tmp_path, make, rows, rule=rule(), **settings, resume=str(tmp_path / "checkpoint-2"))
    assert resumed.reweigher.report.step == whole.reweigher.report.step == 8
    assert_same(resumed, whole)


@pytest.mark.parametrize(
    "settings", [{"max_grad_norm": 1e-3}, {"max_grad_norm": 1e-3, "gradient_accumulation_steps": 2}]
)
def test_rules_that_learn_know_of_clipping(tmp_path, settings):
    trainer = train_weighed(tmp_path, *kind_of("single label"), rule=MetaWeightNet(hidden=4), **settings)
    assert all(step.factor < 0.5 for step in trainer.reweigher._learner._window.steps)


def test_another_model_made_by_model_init_is_weighed_by_itself(tmp_path):
    make, rows = kind_of("single label")
    rule = MetaWeightNet(hidden=4)
    arguments = TrainingArguments(
        tmp_path, use_cpu=True, report_to="none", disable_tqdm=True, save_strategy="no", max_steps=2
    )
    trainer = ReweighTrainer(args=arguments, model_init=lambda: make(), train_dataset=rows, rule=rule, clean=rows[:5])
    trainer.train()
    first, learnt = trainer.reweigher, rule.state_dict()
    trainer.train()
    assert trainer.reweigher is not first
    assert trainer.reweigher._student.model is trainer.model
    for name, value in rule.state_dict()["net"].items() if "net" in learnt else ():
        assert torch.equal(value, learnt["net"][name])  # the second model has a rule of its own


def test_logs_tell_of_the_weights(tmp_path):
    trainer = train_weighed(tmp_path, *kind_of("tokens"), rule=L2RW(), logging_strategy="steps", logging_steps=1)
    of_steps = [line for line in trainer.state.log_history if "loss" in line]
    assert all({"clean_loss", "effective_sample_size", "zero_share"} <= set(line) for line in of_steps)


@pytest.mark.parametrize("kind", ["several labels, told", "tokens", "next words"])
def test_evaluation_is_the_plain_trainers(tmp_path, kind):
    make, rows = kind_of(kind)
    settings = {"label_smoothing_factor": 0.1} if kind == "tokens" else {}
    weighed, plain = (train(tmp_path, make, rows, **settings) for train in (train_weighed, train_plain))
    assert weighed.evaluate(rows)["eval_loss"] == pytest.approx(plain.evaluate(rows)["eval_loss"], abs=1e-6)


@pytest.mark.parametrize("kind", ["single label", "tokens", "next words"])
def test_bf16_with_sequences_as_long_as_the_batch_keeps_the_ghost_engine(tmp_path, kind):
    make, rows = kind_of(kind)
    settings = {"bf16": True, "per_device_train_batch_size": 5, "dataloader_drop_last": True}  # T = B = 5
    trainer = train_weighed(tmp_path, make, rows, rule=L2RW(), **settings)
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
    rows = kind_of("single label")[1]
    weighed, plain = (train(tmp_path, lambda: _Own(F.cross_entropy), rows) for train in (train_weighed, train_plain))
    assert_same(weighed, plain)
    with pytest.raises(BadInput, match="descends something else than transformers' usual losses"):
        train_weighed(tmp_path, lambda: _Own(F.multi_margin_loss), rows)
