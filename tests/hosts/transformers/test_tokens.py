"""Weights of tokens under the Trainer: of ones that are all alike it is plain training, and packing has no harm."""

import pytest
import torch
import torch.nn.functional as F

from trainers import GPT, assert_same, kind_of, train_plain, train_weighed

pytest.importorskip("transformers")
import transformers
from transformers import DataCollatorWithFlattening, default_data_collator

from reweigh import L2RW, Reweigher
from reweigh.errors import BadInput
from reweigh.hosts.transformers import ReweighTrainer, causal_lm_loss, causal_lm_token_loss

TOKENS = {"per_example_loss": causal_lm_token_loss, "reweigh": {"per": "token"}}


def test_tokens_have_the_losses_of_which_sentences_have_the_means():
    make, rows = kind_of("next words")
    torch.manual_seed(0)
    model, batch = make().eval(), default_data_collator(rows[:4])
    losses, counts = causal_lm_token_loss(model, batch)
    assert losses.shape == counts.shape == (4, 4)
    assert counts.sum(1).tolist() == (batch["labels"][:, 1:] != -100).sum(1).tolist()
    means = (losses * counts).sum(1) / counts.sum(1)
    torch.testing.assert_close(means, causal_lm_loss(model, batch))


def test_alike_weights_of_tokens_are_the_plain_trainer(tmp_path):
    make, rows = kind_of("next words")
    rows = [{**row, "labels": row["labels"].clone()} for row in rows]
    for row in rows:
        row["labels"][0] = -100  # nobody foretells it, and yet the Trainer counts it among those that it divides by
    assert_same(train_weighed(tmp_path, make, rows, given=TOKENS), train_plain(tmp_path, make, rows))


def test_the_step_is_that_of_a_loop_with_weights_of_tokens(tmp_path):
    """Fractions of a token's weight are kept as they are."""
    rows, still = kind_of("next words")[1][:4], {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}

    def make():
        return transformers.GPT2LMHeadModel(transformers.GPT2Config(**GPT, **still))

    batch = default_data_collator(rows)
    clean = {**batch, "labels": batch["labels"].roll(1, 0)}
    trained = train_weighed(tmp_path, make, rows, rule=L2RW(), clean=[clean], given=TOKENS, max_steps=1)
    torch.manual_seed(0)
    model = make()
    weights = Reweigher(model, causal_lm_token_loss, rule=L2RW(), clean=[clean], per="token").weigh(batch)
    assert 0 < float(weights.max()) < 1
    losses, counts = causal_lm_token_loss(model, batch)
    (losses * weights)[counts].sum().backward()
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert_same(trained, type("Loop", (), {"model": model}))


def test_joined_sentences_are_taken_where_tokens_have_weights(tmp_path):
    """A batch in one row: the next sentence's first word is foretold by nobody."""
    make, rows = kind_of("next words")
    flat = {"data_collator": DataCollatorWithFlattening()}
    with pytest.raises(BadInput, match=r"one weight: pad instead, or weigh tokens \(reweigh=\{'per': 'token'\}\)"):
        train_weighed(tmp_path, make, rows, given={**flat, "per_example_loss": causal_lm_loss})
    rows = [{name: values.tolist() for name, values in row.items()} for row in rows]
    loss = on_joined
    found = train_weighed(tmp_path, make, rows, rule=L2RW(), given={**TOKENS, **flat, "per_example_loss": loss})
    assert all(bool(p.isfinite().all()) for p in found.model.parameters())


def on_joined(model, batch):
    """A batch in one row, whose positions begin anew with each sentence."""
    assert len(batch["input_ids"]) == 1
    losses, counts = causal_lm_token_loss(model, {**batch, "position_ids": batch["position_ids"] % 8})
    assert F.pad(batch["labels"], (0, 1), value=-100)[0, 0] == -100
    return losses, counts


def test_tokens_without_losses_of_tokens_are_refused(tmp_path):
    make, rows = kind_of("next words")
    with pytest.raises(BadInput, match="pass per_example_loss=, say causal_lm_token_loss"):
        train_weighed(tmp_path, make, rows, given={"reweigh": {"per": "token"}})
    assert issubclass(ReweighTrainer, transformers.Trainer)
