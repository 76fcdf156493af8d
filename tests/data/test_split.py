import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from reweigh.data import clean_split, noise, random_clean_split

LABELS = torch.tensor([0, 1, 2, 0, 1, 2, 2, 2, 0, 1] * 30)


@given(
    counts=st.lists(st.integers(3, 12), min_size=2, max_size=6),
    per_class=st.integers(1, 2),
    seed=st.integers(0, 2**32),
    keep=st.booleans(),
)
def test_a_clean_split_is_stratified_and_covers_the_set(counts, per_class, seed, keep):
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    split = clean_split(labels, per_class, seed, keep_in_train=keep)
    assert labels[split.clean].bincount().tolist() == [per_class] * len(counts)
    assert torch.equal(split.clean, split.clean.unique())
    everything = torch.arange(len(labels))
    if keep:
        assert torch.equal(split.train, everything)
        assert torch.equal(split.train[split.clean_in_train], split.clean)
    else:
        assert torch.equal(torch.cat([split.train, split.clean]).sort().values, everything)
        assert not split.clean_in_train.any()


def test_a_random_split_has_its_total_and_is_not_stratified():
    split = random_clean_split(len(LABELS), 60, seed=0)
    assert (len(split.train), len(split.clean)) == (240, 60)
    assert not torch.isin(split.train, split.clean).any()
    class_counts = {tuple(LABELS[random_clean_split(300, 60, seed).clean].bincount().tolist()) for seed in range(9)}
    assert len(class_counts) > 1
    assert len(random_clean_split(300, 60, 0, keep_in_train=True).train) == 300


@pytest.mark.usefixtures("untouched_global_rng")
def test_splits_depend_on_the_seed_alone():
    before = LABELS.clone()
    assert torch.equal(clean_split(LABELS, 5, 1).clean, clean_split(LABELS, 5, 1).clean)
    assert not torch.equal(clean_split(LABELS, 5, 1).clean, clean_split(LABELS, 5, 2).clean)
    assert torch.equal(random_clean_split(300, 9, 1).clean, random_clean_split(300, 9, 1).clean)
    assert not torch.equal(random_clean_split(300, 9, 1).clean, random_clean_split(300, 9, 2).clean)
    assert torch.equal(LABELS, before)


def test_the_same_seed_does_not_tie_the_clean_set_to_the_noise():
    # With one stream for both, the clean rows would all be among the corrupted ones, or none.
    labels = torch.zeros(1000, dtype=torch.int64)
    corrupted = sum(
        int(noise.symmetric(labels, 2, 0.5, seed).mask[random_clean_split(1000, 40, seed).clean].sum())
        for seed in range(10)
    )
    assert 150 < corrupted < 250


def test_a_class_with_too_few_examples_is_named(refused):
    labels = torch.tensor([0] * 20 + [1] * 4 + [2] * 20)
    with refused("class 1 has 4 examples", "5 clean"):
        clean_split(labels, 5, 0)


def test_a_class_that_is_absent_is_named_once_the_classes_are_known(refused):
    with refused("class 3 has 0 examples"):
        clean_split(LABELS, 5, 0, classes=4)


def test_a_label_beyond_the_classes_is_refused(refused):
    with refused("label 2", "0..1"):
        clean_split(LABELS, 5, 0, classes=2)


@pytest.mark.parametrize("per_class", [0, -3, 2.5])
def test_a_clean_set_of_nothing_is_refused(per_class, refused):
    with refused("clean examples a class is", str(per_class)):
        clean_split(LABELS, per_class, 0)


def test_no_labels_at_all_are_refused(refused):
    with refused("number of classes is 0"):
        clean_split(torch.empty(0, dtype=torch.int64), 1, 0)


def test_a_split_that_leaves_nothing_to_train_on_is_refused(refused):
    with refused("all 4 examples"):
        clean_split(torch.tensor([0, 1, 0, 1]), 2, 0)
    assert len(clean_split(torch.tensor([0, 1, 0, 1]), 2, 0, keep_in_train=True).train) == 4


def test_more_clean_examples_than_there_are_are_refused(refused):
    with refused("11 clean examples", "has 10"):
        random_clean_split(10, 11, 0)
