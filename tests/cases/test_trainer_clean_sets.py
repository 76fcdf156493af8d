"""Hugging Face Trainer: what may be its clean set, collated as its training set is; examples are named by their ids."""

import pytest
import torch

from trainers import D, N, assert_same, bert, train_plain, train_weighed

pytest.importorskip("transformers")
pytest.importorskip("accelerate")
pytest.importorskip("datasets")
import datasets
import transformers
from torch.utils.data import DataLoader

from reweigh import L2RW, MetaWeightNet
from reweigh.errors import BadInput, NonFinite
from reweigh.hosts.transformers import classification_loss
from reweigh.rules import Uniform

pytestmark = pytest.mark.usefixtures("quiet_transformers")


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
    rows, make = _ragged(), lambda: bert(num_labels=3)
    trainer = train_weighed(tmp_path, make, rows, rule=rule(), clean=_ragged().select(range(6)), given=given)
    if rule is Uniform:
        assert_same(trainer, train_plain(tmp_path, make, rows, given=given))
    else:
        assert trainer.reweigher.report.clean_loss > 0


def test_all_forms_of_a_clean_set_are_the_same(tmp_path):
    collate = _Tokenizer()
    rows, few = _ragged(), _ragged(False)[:6]
    whole = collate(few)
    loader = DataLoader(few, batch_size=6, collate_fn=collate)
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    trained = [
        train_weighed(
            tmp_path,
            lambda: bert(num_labels=3, **still),
            rows,
            rule=L2RW(),
            clean=clean,
            given={"data_collator": collate},
        )
        for clean in (rows.select(range(6)), few, [whole], loader, whole, dict(whole))
    ]
    for other in trained[1:]:
        assert_same(other, trained[0], atol=1e-5)


def test_a_stream_of_clean_examples_gets_a_sentence(tmp_path):
    with pytest.raises(BadInput, match="clean= is an IterableDataset"):
        train_weighed(tmp_path, lambda: bert(num_labels=3), _ragged(), clean=_ragged().to_iterable_dataset())


@pytest.mark.parametrize("as_dataset", [True, False])
def test_a_bad_example_is_named_by_the_id_that_the_trainer_drops(tmp_path, as_dataset):
    def broken(model, batch):
        assert "idx" not in batch
        losses = classification_loss(model, batch)
        return losses + torch.where(batch["input_ids"][:, 0] == D["words"][3, 0], float("nan"), 0.0)

    given = {"data_collator": _Tokenizer(), "per_example_loss": broken}
    with pytest.raises(NonFinite, match=r"ids .*103"):
        train_weighed(tmp_path, lambda: bert(num_labels=3), _ragged(as_dataset), given=given, clean=_clean_apart())


def _clean_apart():
    return {"input_ids": torch.ones(4, 3, dtype=torch.long), "labels": torch.tensor([0, 1, 2, 0])}
