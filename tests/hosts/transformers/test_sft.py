"""TRL's SFTTrainer with weights is one line: `class ReweighSFT(ReweighTrainer, SFTTrainer)`."""

import pytest
import torch

pytest.importorskip("trl")
pytest.importorskip("datasets")
import transformers
import trl
from datasets import Dataset
from tokenizers import Tokenizer, models

from host_ranks import on_two_processes
from reweigh import L2RW
from reweigh.errors import BadInput
from reweigh.hosts.transformers import ReweighTrainer, causal_lm_token_loss
from reweigh.rules import Uniform

pytestmark = pytest.mark.slow
GPT = {
    "vocab_size": 30, "n_positions": 16, "n_embd": 8, "n_layer": 1, "n_head": 2, "bos_token_id": 0, "eos_token_id": 1,
    "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
}  # fmt: skip


class ReweighSFT(ReweighTrainer, trl.SFTTrainer):
    """The whole of it."""


def rows_of(count):
    draw = torch.Generator().manual_seed(0)
    lengths = torch.randint(4, 12, (count,), generator=draw).tolist()
    words = [torch.randint(2, 30, (length,), generator=draw).tolist() for length in lengths]
    return Dataset.from_list([{"input_ids": some, "labels": some} for some in words])


def trained(folder, size, rule=None, more=None, **settings):
    torch.manual_seed(0)
    vocabulary = models.WordLevel({str(word): word for word in range(30)}, unk_token="0")
    words = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(vocabulary), unk_token="0", pad_token="0", eos_token="1"
    )
    told = trl.SFTConfig(
        folder, per_device_train_batch_size=size, learning_rate=0.1, optim="sgd", lr_scheduler_type="constant", max_steps=2,
        use_cpu=True, report_to="none", disable_tqdm=True, logging_strategy="no", save_strategy="no", max_grad_norm=0,
        bf16=False, gradient_checkpointing=False, train_sampling_strategy="sequential", **settings,
    )  # fmt: skip
    rows, kind = rows_of(16), trl.SFTTrainer
    if rule is None:
        more = {}
    else:
        kind, more = (
            ReweighSFT,
            {"rule": rule, "clean": rows_of(8), "reweigh": {"clean_batch_size": size}, **(more or {})},
        )
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT))
    trainer = kind(model=model, args=told, train_dataset=rows, processing_class=words, **more)
    trainer.train()
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


@pytest.mark.parametrize("settings", [{}, {"loss_type": "nll", "gradient_accumulation_steps": 2}])
def test_weights_of_one_are_the_plain_trainer(tmp_path, settings):
    weighed, plain = trained(tmp_path, 4, Uniform(), **settings), trained(tmp_path, 4, **settings)
    torch.testing.assert_close(weighed, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["packing", "padding_free"])
def test_examples_that_are_joined_are_refused(tmp_path, name):
    with pytest.raises(BadInput, match=r"(packing|padding_free)=True joins examples to one sequence"):
        trained(tmp_path, 4, L2RW(), max_length=16 if name == "packing" else None, **{name: True})


@pytest.mark.parametrize("joined", ["packing", "padding_free"])
def test_tokens_of_joined_examples_have_weights(tmp_path, joined):
    told = {"per_example_loss": causal_lm_token_loss, "reweigh": {"per": "token", "clean_batch_size": 4}}
    torch.manual_seed(0)
    before = dict(transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT)).named_parameters())
    after = trained(tmp_path, 4, L2RW(), more=told, max_length=16 if joined == "packing" else None, **{joined: True})
    moved = [float((after[name] - p.detach()).abs().max()) for name, p in before.items()]
    assert 0 < max(moved) < 10


def helped(folder, size):
    return trained(folder, size, L2RW(), gradient_accumulation_steps=2)


def test_two_processes_are_one(tmp_path):
    one, other = on_two_processes(helped, str(tmp_path), 2)
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    torch.testing.assert_close(one, helped(str(tmp_path), 4), rtol=1e-5, atol=1e-6)
