import io

import pyarrow.parquet
import pytest
import torch

from reweigh.ledger import Ledger
from reweigh.run.job.records import Records, most_distrusted, noise_auroc, parquet

IDS = torch.tensor([30, 7, 21, 9])  # in no order


@pytest.fixture
def records():
    """Four examples: 0 seen twice, 1 and 2 once, 3 never."""
    records = Records(IDS)
    records.add(IDS[[0, 1]], torch.tensor([1.0, 0.0]), torch.tensor([2.0, -4.0]))
    records.end_epoch()
    records.add(IDS[[0, 2]], torch.tensor([0.0, 0.0]), torch.tensor([-1.0, -1.0]))
    records.end_epoch()
    return records


def test_weights_are_relative_to_plain_training(records):
    assert records.mean_weight[:3].tolist() == [1.0, 0.0, 0.0]
    assert records.mean_weight[3].isnan()
    plain = Records(torch.arange(8))
    plain.add(torch.arange(8), torch.full((8,), 1 / 8))
    plain.end_epoch()
    assert plain.mean_weight.tolist() == [1.0] * 8


def test_the_last_epoch_visits_and_zeros(records):
    assert records.epoch_weight[[0, 2]].tolist() == [0.0, 0.0]
    assert records.epoch_weight[[1, 3]].isnan().all()
    assert records.visits.tolist() == [2, 1, 1, 0]
    assert records.zero_share[:3].tolist() == [0.5, 1.0, 1.0]


def test_alignments_are_in_units_of_their_batch(records):
    assert records.mean_alignment[:3].tolist() == pytest.approx([(2 / 3 - 1) / 2, -4 / 3, -1.0], rel=1e-6)


def test_an_example_twice_in_a_batch_counts_twice():
    records = Records(torch.arange(2))
    records.add(torch.tensor([1, 1]), torch.tensor([0.25, 0.75]))
    records.end_epoch()
    assert records.visits.tolist() == [0, 2]
    assert records.mean_weight[1] == 1.0


def test_most_distrusted_orders_equals_by_alignment_and_leaves_the_unseen_last(records):
    assert most_distrusted(records, 4).tolist() == [1, 2, 0, 3]
    assert most_distrusted(records, 2).tolist() == [1, 2]


def test_state_goes_over(records):
    other = Records(IDS)
    other.load_state_dict(records.state_dict())
    records.add(IDS[3:], torch.tensor([1.0]))  # the state is a copy
    records.end_epoch()
    assert other.visits.tolist() == [2, 1, 1, 0]
    assert torch.equal(other.mean_weight.nan_to_num(-1), torch.tensor([1.0, 0.0, 0.0, -1.0], dtype=torch.float64))


def test_the_state_of_other_examples_is_refused(records):
    with pytest.raises(ValueError, match="about other examples"):
        Records(IDS + 1).load_state_dict(records.state_dict())


def test_an_epoch_in_which_nothing_came_to_anything(records, tmp_path):
    ledger = Ledger(tmp_path)
    ledger.append(records.end_epoch())
    assert records.visits.tolist() == [2, 1, 1, 0]
    assert records.epoch_weight.isnan().all()
    assert len(ledger.summary()) == 0


def test_they_are_the_ledger_s(tmp_path):
    """Bit for bit: the ledger writes what they sum up, also where examples come up several times and labels are missing."""
    generator = torch.Generator().manual_seed(0)
    records, ledger = Records(IDS), Ledger(tmp_path / "ledger")
    for _ in range(3):
        for _ in range(4):
            rows = torch.randint(3, (5,), generator=generator)
            weights, alignments = torch.rand(5, generator=generator), torch.randn(5, generator=generator)
            records.add(IDS[rows], weights * (weights > 0.4), alignments, weights)
        ledger.append(records.end_epoch())
    summary = ledger.summary()
    rows = torch.tensor([IDS.tolist().index(identity) for identity in summary.id])
    for ours, theirs in (
        (records.mean_weight, summary.mean_weight),
        (records.zero_share, summary.zero_share),
        (records.mean_alignment, summary.mean_alignment),
        (records.visits, summary.visits),
    ):
        assert ours[rows].tolist() == theirs.tolist()
    assert records.visits[3] == 0


def test_auroc_leaves_out_the_unseen_and_says_nothing_of_equal_weights():
    weights = torch.tensor([0.0, 1.0, float("nan"), 2.0])
    corrupted = torch.tensor([True, False, False, False])
    assert noise_auroc(weights, corrupted) == 1.0
    assert torch.tensor(noise_auroc(torch.tensor([1.0, 1 + 1e-7]), corrupted[:2])).isnan()
    assert torch.tensor(noise_auroc(weights[2:3], corrupted[2:3])).isnan()


def test_parquet_has_nulls_where_nothing_is_known(records):
    ids, labels = torch.tensor([7, 8, 9, 10]), torch.tensor([0, 1, 1, 0])
    content = parquet(records, ids, labels, labels.flip(0), ("cat", "dog"))
    table = pyarrow.parquet.read_table(io.BytesIO(content)).to_pydict()
    assert table["id"] == [7, 8, 9, 10]
    assert table["given_label"] == [0, 1, 1, 0]
    assert table["mean_weight"] == [1.0, 0.0, 0.0, None]
    assert table["last_epoch_weight"] == [0.0, None, 0.0, None]
    assert table["zero_share"] == [0.5, 1.0, 1.0, None]
    assert table["visits"] == [2, 1, 1, 0]


def test_targets_of_several_numbers_are_kept_as_they_are():
    records = Records(torch.arange(2))
    given = torch.tensor([[0.25, 300.0], [1.0, 0.0]])
    for y, kind in ((given, "double"), (given.round().long(), "int64"), (given.clamp(0, 1).round(), "int8")):
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(parquet(records, torch.arange(2), y, y, ("a", "b"))))
        assert table["given_label"].to_pylist() == y.tolist()
        assert str(table["given_label"].type) == f"list<element: {kind}>"
