import numpy as np
import pytest

from reweigh import Ledger
from reweigh.report.weights import weight_shares


def test_shares_by_hand(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add([1, 2, 3, 4], [0.0, 0.1, 0.25, 0.65], labels=[0, 0, 0, 0])  # relative: 0, 0.4, 1, 2.6
    ledger.end_epoch()
    ledger.add([1, 5], [0.5, 0.5], labels=[0, 2])
    ledger.end_epoch()
    shares = weight_shares(Ledger.read(tmp_path), np.array([5, 1, 2, 3, 4]), np.array([2, 0, 0, 0, 0]), 3)
    assert shares.shape == (2, 3, 4)
    assert shares[0, 0].tolist() == [0.25] * 4
    assert shares[1, 0].tolist() == shares[1, 2].tolist() == [0, 0, 1, 0]
    assert shares[:, 1].sum() == pytest.approx(0)
