"""The baselines by hand."""

import pytest
import torch

from reweigh.errors import BadInput
from reweigh.rules import ClassProportion, ClassResampling, Evidence, HardMining, Oracle, RandomRectified, Uniform


def evidence(labels=(0, 0, 1, 2), losses=None, batch=None, dtype=torch.float32):
    labels = torch.tensor(labels)
    like = torch.zeros(len(labels), dtype=dtype)
    losses = None if losses is None else torch.tensor(losses, dtype=dtype)
    return Evidence(len(labels), like, batch, losses=losses, look_up=lambda _: labels)


@pytest.mark.parametrize("rule", [Uniform(), ClassResampling()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_all_count_alike(rule, dtype):
    found = rule.weigh(evidence(dtype=dtype))
    assert found.tolist() == [0.25] * 4
    assert found.dtype == dtype


def test_random_is_equation_16():
    z = torch.randn(4, generator=torch.Generator().manual_seed(5)).clamp(min=0)
    torch.testing.assert_close(RandomRectified(seed=5).weigh(evidence()), z / z.sum())


def test_random_draws_anew_leaves_the_global_generator_alone_and_differs_by_seed():
    before = torch.get_rng_state()
    rule, large = RandomRectified(), evidence([0] * 2000)
    one, two = rule.weigh(large), rule.weigh(large)
    assert not torch.equal(one, two)
    assert not torch.equal(RandomRectified(1).weigh(large), one)
    assert torch.equal(RandomRectified(0).weigh(large), one)
    assert torch.equal(torch.get_rng_state(), before)
    assert float((one == 0).double().mean()) == pytest.approx(0.5, abs=0.05)
    assert float(one.sum()) == pytest.approx(1.0, abs=1e-5)
    assert not bool((one < 0).any())


def test_random_goes_on_where_it_was():
    rule, other = RandomRectified(3), RandomRectified(4)
    rule.weigh(evidence())
    other.load_state_dict(rule.state_dict())
    expected = [rule.weigh(evidence()) for _ in range(3)]
    assert all(torch.equal(other.weigh(evidence()), w) for w in expected)


def test_random_state_is_a_copy():
    rule = RandomRectified()
    state = rule.state_dict()
    kept = state["generator"].clone()
    rule.weigh(evidence())
    assert torch.equal(state["generator"], kept)


@pytest.mark.parametrize("counts", [[10, 5, 20], torch.tensor([10, 5, 20]), torch.tensor([10.0, 5.0, 20.0])])
def test_proportion_is_the_inverse_frequency(counts):
    raw = torch.tensor([1 / 10, 1 / 10, 1 / 5, 1 / 20])
    torch.testing.assert_close(ClassProportion(counts).weigh(evidence()), raw * 35 / (3 * 4))


def test_proportion_gives_classes_that_are_drawn_as_often_as_they_occur_the_same_mass():
    found = ClassProportion([6, 2]).weigh(evidence([0] * 6 + [1] * 2))
    assert float(found[:6].sum()) == pytest.approx(0.5)


def test_proportion_sums_to_one_over_an_epoch_and_not_in_each_batch():
    labels = [0] * 9 + [1] * 3
    sums = [float(ClassProportion([9, 3]).weigh(evidence(labels[i : i + 4])).sum()) for i in (0, 4, 8)]
    assert sums == pytest.approx([2 / 3, 2 / 3, (2 / 3 + 3 * 2) / 4])
    assert sum(sums) / 3 == pytest.approx(1)


def test_proportion_of_a_class_that_was_counted_zero_times_is_finite():
    assert ClassProportion([0, 1]).weigh(evidence([0, 1])).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("counts", [[], [0, 0], [3, -1], [[1, 2]], 5])
def test_counts_that_are_none(counts):
    with pytest.raises(BadInput, match="class counts must be"):
        ClassProportion(counts)


@pytest.mark.parametrize(("labels", "said"), [([0, 3, 1], "from 0 to 3"), ([-1, 1, 2], "from -1 to 2")])
def test_labels_beyond_the_counts(labels, said):
    with pytest.raises(BadInput, match=f"{said} but class counts were given for 0 to 2"):
        ClassProportion([1, 1, 1]).weigh(evidence(labels))


def test_resampling_draws_every_class_equally_often():
    labels = torch.tensor([0, 0, 0, 0, 2, 2])  # class 1 is missing
    found = ClassResampling().sampling_weights(labels)
    assert found.shape == (6,)
    assert found.dtype == torch.float64
    assert float(found[labels == 0].sum()) == pytest.approx(float(found[labels == 2].sum()))
    assert len(found[:4].unique()) == 1


@pytest.mark.parametrize(
    "rule", [Uniform(), RandomRectified(), ClassProportion([1]), HardMining(), Oracle(lambda b: b)]
)
def test_the_others_draw_plainly(rule):
    assert rule.sampling_weights(torch.tensor([0, 1, 1])) is None


@pytest.mark.parametrize("majority", [None, 1])
def test_hard_mining_keeps_the_minority_and_as_many_of_the_hardest(majority):
    labels = [1, 0, 1, 1, 2, 1, 1]
    losses = [0.1, 0.0, 0.9, 0.5, 9.0, 0.7, 0.2]
    found = HardMining(majority).weigh(evidence(labels, losses))
    assert found.tolist() == [0.0, 0.25, 0.25, 0.0, 0.25, 0.25, 0.0]


def test_hard_mining_with_a_majority_that_is_rare_in_this_batch_keeps_everything():
    found = HardMining(0).weigh(evidence([0, 1, 1, 1], [0.1, 5.0, 6.0, 7.0]))
    assert found.tolist() == [0.25] * 4


def test_hard_mining_keeps_the_minority_however_easy():
    found = HardMining().weigh(evidence([0, 0, 0, 1], [1.0, 3.0, 2.0, -4.0]))
    assert found.tolist() == [0.0, 0.5, 0.0, 0.5]


def test_hard_mining_of_one_class_alone_keeps_its_hardest():
    assert HardMining().weigh(evidence([1, 1, 1], [0.1, 0.9, 0.3])).tolist() == [0.0, 1.0, 0.0]


def test_hard_mining_without_the_majority_keeps_everything():
    assert HardMining(0).weigh(evidence([1, 2], [0.1, 0.9])).tolist() == [0.5, 0.5]


def test_hard_mining_needs_losses():
    assert HardMining.needs == {"losses"}
    with pytest.raises(BadInput, match="'losses'"):
        HardMining().weigh(evidence())


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.uint8])
def test_the_oracle_drops_what_is_corrupted(dtype):
    rule = Oracle(lambda batch: torch.tensor(batch["bad"]).to(dtype))
    assert rule.weigh(evidence(batch={"bad": [True, False, False, True]})).tolist() == [0.0, 0.5, 0.5, 0.0]
    assert rule.weigh(evidence(batch={"bad": [True] * 4})).tolist() == [0.0] * 4


@pytest.mark.parametrize("shape", [(3,), (4, 1), ()])
def test_an_oracle_that_does_not_tell_one_truth_an_example(shape):
    with pytest.raises(BadInput, match="batch of 4") as caught:
        Oracle(lambda _: torch.zeros(shape, dtype=torch.bool)).weigh(evidence())
    assert str(shape) in str(caught.value)


def test_names_are_unique():
    rules = [Uniform, RandomRectified, ClassProportion, ClassResampling, HardMining, Oracle]
    assert [r.name for r in rules] == ["uniform", "random", "proportion", "resampling", "hard-mining", "oracle"]
