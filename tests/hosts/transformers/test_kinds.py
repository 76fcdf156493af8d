"""Sums over items and their numbers, against the losses of transformers and of PyTorch."""

import pytest
import torch
import torch.nn.functional as F

pytest.importorskip("transformers")
from transformers import BertConfig, BertForQuestionAnswering, BertForSequenceClassification

from reweigh.errors import BadInput
from reweigh.hosts.transformers.kinds import CAUSAL, SPANS, TOKENS, kind_of, labels_of, logits_of, problem_type

LOGITS = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([[1, -100, 2, 3], [-100, -100, -100, 4], [0, 1, 2, -100]])


@pytest.mark.parametrize(("kind", "items"), [(TOKENS, [3, 1, 3]), (CAUSAL, [2, 1, 2])])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_sum_over_all_items_is_the_loss_of_the_whole_batch(kind, items, smoothing):
    batch = {"labels": LABELS}
    assert kind.items(batch).flatten().tolist() == items
    logits, labels = (LOGITS, LABELS) if kind is TOKENS else (LOGITS[:, :-1], LABELS[:, 1:])
    whole = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=smoothing)
    sums = kind.sums({"logits": LOGITS}, batch, smoothing)
    torch.testing.assert_close(sums.sum() / sum(items), whole)


def test_answers_outside_of_the_text_do_not_count():
    batch = {
        "input_ids": torch.ones(2, 4),
        "start_positions": torch.tensor([1, 9]),
        "end_positions": torch.tensor([2, 3]),
    }
    assert SPANS.items(batch).tolist() == [[1, 1], [0, 1]]
    sums = SPANS.sums({"start_logits": LOGITS[:2, :, 0], "end_logits": LOGITS[:2, :, 1]}, batch, 0.0)
    assert sums[1, 0] == 0 < sums[1, 1]


def _bert(kind=BertForSequenceClassification, **settings):
    small = {
        "hidden_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 4,
        "vocab_size": 9,
    }
    return kind(BertConfig(**small, **settings))


@pytest.mark.parametrize(
    ("settings", "labels", "problem"),
    [
        ({"num_labels": 1}, torch.zeros(2), "regression"),
        ({"num_labels": 3}, torch.zeros(2, dtype=torch.long), "single_label_classification"),
        ({"num_labels": 3}, torch.zeros(2, 3), "multi_label_classification"),
        ({"num_labels": 3, "problem_type": "regression"}, torch.zeros(2, 3), "regression"),
    ],
)
def test_the_problem_is_guessed_as_transformers_guesses_it(settings, labels, problem):
    model = _bert(**settings)
    assert problem_type(model, {"labels": labels}) == problem
    model(input_ids=torch.ones(2, 3, dtype=torch.long), labels=labels)
    assert model.config.problem_type == problem


def test_the_kind_is_that_of_the_model():
    spans = {"start_positions": torch.zeros(2), "end_positions": torch.zeros(2)}
    assert kind_of(_bert(BertForQuestionAnswering), spans) is SPANS
    assert not kind_of(_bert(num_labels=1), {"labels": torch.zeros(2)}).of_labels


def test_what_is_missing_is_said():
    with pytest.raises(BadInput, match="no tensor 'labels', only 'x'"):
        labels_of({"x": 1})
    with pytest.raises(BadInput, match="returns no logits"):
        logits_of({"hidden": LOGITS})
    with pytest.raises(BadInput, match="needs a label for each output"):
        kind_of(_bert(num_labels=3, problem_type="regression"), {"labels": torch.zeros(3)}).sums(
            {"logits": LOGITS[:, 0]}, {"labels": torch.zeros(3)}, 0.0
        )
