import pytest
import torch

from reweigh.models import TransformerClassifier


def small(**options) -> TransformerClassifier:
    torch.manual_seed(0)
    return TransformerClassifier((10,), 3, vocabulary=20, width=16, layers=2, heads=2, **options).eval()


def test_padding_changes_nothing() -> None:
    model = small(padding=0)
    tokens = torch.tensor([[3, 4, 5, 6], [7, 8, 9, 10]])
    padded = torch.cat([tokens, torch.zeros(2, 5, dtype=torch.int64)], dim=1)
    assert torch.allclose(model(tokens), model(padded), atol=1e-6)


def test_without_a_padding_token_every_token_counts() -> None:
    model = small()
    tokens = torch.tensor([[3, 4, 5, 6]])
    padded = torch.cat([tokens, torch.zeros(1, 5, dtype=torch.int64)], dim=1)
    assert not torch.allclose(model(tokens), model(padded), atol=1e-4)


def test_an_empty_sequence_gives_numbers() -> None:
    logits = small(padding=0)(torch.tensor([[0, 0, 0], [1, 2, 0]]))
    assert torch.isfinite(logits).all()


def test_the_order_of_the_tokens_matters() -> None:
    model = small()
    assert not torch.allclose(model(torch.tensor([[1, 2, 3]])), model(torch.tensor([[3, 2, 1]])), atol=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_acts_in_training_only(dropout: float) -> None:
    model, tokens = small(dropout=dropout), torch.tensor([[1, 2, 3]])
    assert torch.equal(model(tokens), model(tokens))
    model.train()
    assert torch.equal(model(tokens), model(tokens)) is (dropout == 0)
