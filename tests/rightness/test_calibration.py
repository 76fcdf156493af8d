"""Log-odds learnt half and half, brought to a training set in which right and wrong labels have other shares."""

import pytest
import torch

from reweigh.rightness.calibration import MOST, Calibration

COUNT = 4000


def asked(shares, seed=0, apart=3.0):
    """What a perfect verifier of clumps on a line says of labels with these shares of groups, and which group each is of."""
    draw = torch.Generator().manual_seed(seed)
    group = torch.multinomial(torch.tensor(shares), COUNT, replacement=True, generator=draw)
    x = torch.randn(COUNT, generator=draw, dtype=torch.double) + apart * group
    return -(x[:, None] - apart * torch.arange(len(shares))).square() / 2, group


def nowhere():
    return torch.zeros(COUNT).long(), torch.zeros(COUNT).long()


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.5, 0.5), (0.6, 0.3, 0.1)])
def test_probabilities_mean_what_they_say(shares):
    """Of labels that are called right with 80 to 90 % such a share is, and so on."""
    said, group = asked(shares)
    found = Calibration.of(said, nowhere(), None)
    assert found.groups.tolist() == pytest.approx(list(shares), abs=0.04)
    right = torch.sigmoid(found.log_odds(said, nowhere()))
    assert float(right.mean()) == pytest.approx(shares[0], abs=0.04)
    for low in (0.1, 0.3, 0.5, 0.7, 0.9):
        some = (right > low) & (right <= low + 0.1)
        if int(some.sum()) > 100:
            assert float((group[some] == 0).double().mean()) == pytest.approx(float(right[some].mean()), abs=0.1)


def test_pairs_of_labels_have_shares_of_their_own():
    """Half of what is called 0 is wrong, hardly anything that is called 1."""
    one, other = asked((0.5, 0.5))[0], asked((0.97, 0.03), seed=1)[0]
    said = torch.cat([one, other])
    cells = (torch.tensor([0] * COUNT + [1] * COUNT), torch.tensor([1] * COUNT + [0] * COUNT))
    found = Calibration.of(said, cells, (2, 2))
    assert found.right.shape == (2, 2)
    assert float(found.right[0, 1]) == pytest.approx(0.5, abs=0.05)
    assert float(found.right[1, 0]) == pytest.approx(0.97, abs=0.03)
    same = said[:1].repeat(2, 1)
    odds = found.log_odds(same, (torch.tensor([0, 1]), torch.tensor([1, 0])))
    assert float(odds[1] - odds[0]) == pytest.approx(
        float(torch.logit(found.right[1, 0]) - torch.logit(found.right[0, 1]))
    )


def test_nobody_is_surer_than_a_regression_on_a_few_examples_can_be():
    said = torch.stack([torch.zeros(COUNT), torch.full((COUNT,), -1000.0)], 1).double()
    found = Calibration.of(said, nowhere(), None)
    most = MOST + float(torch.logit(found.right).max())
    assert float(found.log_odds(said, nowhere()).max()) <= most + 1e-9


def test_its_state_is_its_tensors():
    said, _ = asked((0.7, 0.3))
    found = Calibration.of(said, nowhere(), None)
    again = Calibration(**found.state_dict())
    assert torch.equal(again.log_odds(said, nowhere()), found.log_odds(said, nowhere()))
    assert all(isinstance(value, torch.Tensor) for value in found.state_dict().values())
