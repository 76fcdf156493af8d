import torch

from reweigh.hosts.transformers.ids import KeepsIds


def _collate(examples):
    assert all(set(e) == {"x"} for e in examples)
    return {"x": torch.stack([e["x"] for e in examples])}


def test_whole_numbers_come_back_and_the_collator_sees_none_of_them():
    batch = KeepsIds(_collate)([{"x": torch.ones(2), "idx": i, "id": torch.tensor(10 + i)} for i in (4, 7)])
    assert batch["idx"].tolist() == [4, 7]
    assert batch["id"].tolist() == [14, 17]


def test_what_is_no_number_is_left_to_the_collator():
    seen = []
    KeepsIds(lambda examples: seen.append(examples) or {})([{"x": 1, "id": "a"}, {"x": 2, "id": "b"}])
    assert [e["id"] for e in seen[0]] == ["a", "b"]
