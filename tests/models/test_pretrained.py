"""Hugging Face models by path: a body of their own, a new last layer, padding out of sight."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.models import build

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tiny BERT for two classes, as `save_pretrained` leaves it."""
    folder = tmp_path_factory.mktemp("bert")
    config = transformers.BertConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=16,
    )  # fmt: skip
    torch.manual_seed(3)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_the_body_is_the_saved_one_and_the_last_layer_new(saved, capsys):
    one, other = (build(f"hf:{saved}", input_shape=(8,), classes=5, seed=seed) for seed in (1, 2))
    words = "network.bert.embeddings.word_embeddings.weight"
    assert torch.equal(one.state_dict()[words], other.state_dict()[words])
    assert one(torch.ones(3, 8, dtype=torch.int64)).shape == (3, 5)
    assert not torch.equal(one.network.classifier.weight, other.network.classifier.weight)
    same = build(f"hf:{saved}", input_shape=(8,), classes=5, seed=1)
    assert torch.equal(one.network.classifier.weight, same.network.classifier.weight)
    assert capsys.readouterr().err == ""


def test_padding_changes_nothing(saved):
    model = build(f"hf:{saved}", input_shape=(8,), classes=2, padding=7).eval()
    tokens = torch.tensor([[1, 2, 3]])
    padded = torch.tensor([[1, 2, 3, 7, 7]])
    torch.testing.assert_close(model(tokens), model(padded))
    assert model(torch.full((1, 4), 7)).isfinite().all()


@pytest.mark.parametrize("what", ["empty folder", "no such folder", "damaged"])
def test_what_cannot_be_had_is_one_sentence(what, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if what != "no such folder":
        (tmp_path / "model").mkdir()
    if what == "damaged":
        (tmp_path / "model" / "config.json").write_text("{")
    with pytest.raises(BadInput) as refused:
        build(f"hf:{tmp_path / 'model'}", input_shape=(8,), classes=2)
    assert "cannot be had as a Hugging Face model" in str(refused.value)
    assert "\n" not in str(refused.value)
