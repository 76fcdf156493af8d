"""Log-odds brought in line with real mistakes: against a grid of lines, and at the ends where a formula would slip."""

import pytest
import torch

from reweigh.rightness.in_line import InLine, look_alike


def labels(count, odds, share, seed=0):
    """Log-odds around a number, and labels of which such a share is right."""
    generator = torch.Generator().manual_seed(seed)
    x = odds + torch.randn(count, dtype=torch.double, generator=generator)
    return x, torch.rand(count, generator=generator) < share


def share_of(line, x):
    return float(torch.sigmoid(line(x)).mean())


def ends(found, x, times=400):
    generator = torch.Generator().manual_seed(0)
    drawn = torch.tensor([share_of(found.drawn(generator), x) for _ in range(times)])
    return drawn.quantile(0.025).item(), drawn.quantile(0.975).item()


def by_grid(x, right, weight):
    """The same posterior summed over 90,000 lines: the mean share of right labels and its ends."""
    shift, slope = torch.linspace(-9, 9, 300, dtype=torch.double), torch.linspace(0.05, 3, 300, dtype=torch.double)
    line = torch.cartesian_prod(shift, slope)
    odds = line[:, :1] + line[:, 1:] * x
    likely = torch.nn.functional.logsigmoid((2.0 * right - 1) * odds) @ weight
    likely = likely - (line[:, 0] / 2).square() / 2 - ((line[:, 1] - 1) / 0.5).square() / 2
    mass, each = likely.softmax(0), torch.sigmoid(odds).mean(1)
    order = each.argsort()
    below = mass[order].cumsum(0)
    return [float(each[order][torch.searchsorted(below, end)]) for end in (0.025, 0.975)]


@pytest.mark.parametrize(("count", "odds", "share"), [(100, 8.0, 1.0), (60, 6.0, 0.8), (40, 2.0, 0.5), (12, 3.0, 0.0)])
def test_ends_are_those_of_a_grid_of_lines(count, odds, share):
    x, right = labels(count, odds, share)
    low, high = ends(InLine.of(x, right), x)
    exact = by_grid(x, right, torch.ones(count, dtype=torch.double))
    assert (low, high) == pytest.approx(exact, abs=0.05)


def test_verifiers_that_are_right_are_left_as_they_are():
    generator = torch.Generator().manual_seed(0)
    x = 3 * torch.randn(4000, dtype=torch.double, generator=generator)
    found = InLine.of(x, torch.rand(4000, generator=generator) < torch.sigmoid(x))
    assert found.mode.tolist() == pytest.approx([0, 1], abs=0.1)


def test_how_much_of_a_verifier_is_borne_out():
    """A third of its log-odds where the truth is a third as sure, nothing added where it is surer, and a fifth at least."""
    generator = torch.Generator().manual_seed(0)
    x = 6 * torch.randn(4000, dtype=torch.double, generator=generator)
    found = [InLine.of(x, torch.rand(4000, generator=generator) < torch.sigmoid(s * x)) for s in (1 / 3, 2.0, 0.0)]
    assert [line.borne_out for line in found] == pytest.approx([1 / 3, 1.0, 0.2], abs=0.03)


def test_one_that_believes_everything_is_told_how_many_are_wrong():
    x, right = labels(60, 12.0, 0.8)
    found = InLine.of(x, right)
    assert share_of(found, x) == pytest.approx(float(right.double().mean()), abs=0.03)
    low, high = ends(found, x)
    assert 0.08 < high - low < 0.3


def test_where_all_were_right_nothing_else_is_allowed():
    x, right = labels(100, 15.0, 1.1)
    assert ends(InLine.of(x, right), x)[0] > 0.97


def test_no_line_turns_the_order_round():
    x = torch.cat([torch.full((50,), -4.0), torch.full((50,), 4.0)]).double()
    found = InLine.of(x, x < 0)
    generator = torch.Generator().manual_seed(0)
    for line in (found, *(found.drawn(generator) for _ in range(50))):
        assert (line(torch.tensor([-1.0, 1.0])).diff() > 0).all()


def test_labels_count_as_many_as_they_stand_for():
    x, right = labels(80, 4.0, 0.5)
    heavy = InLine.of(x, right, torch.where(right, 10.0, 1.0).double())
    assert share_of(heavy, x) > share_of(InLine.of(x, right), x) + 0.15
    alike = InLine.of(x, right, torch.full((80,), 7.0, dtype=torch.double))
    assert alike.mode.tolist() == pytest.approx(InLine.of(x, right).mode.tolist(), abs=1e-9)


def test_the_same_seed_draws_the_same():
    x, right = labels(30, 2.0, 0.7)
    one, other = InLine.of(x, right, seed=3), InLine.of(x, right, seed=3)
    assert torch.equal(one.draws, other.draws)
    assert not torch.equal(one.draws, InLine.of(x, right, seed=4).draws)


def test_labels_picked_at_random_look_alike_and_those_picked_for_being_doubtful_do_not():
    generator = torch.Generator().manual_seed(0)
    others = 4 * torch.randn(1000, generator=generator)
    at_random = others[torch.randperm(1000, generator=generator)[:60]]
    doubtful = others.sort().values[:60]
    assert look_alike([at_random], [others])
    assert not look_alike([doubtful], [others])
    assert look_alike([torch.empty(0)], [others])


def test_what_was_picked_more_often_counts_less():
    generator = torch.Generator().manual_seed(0)
    others = torch.cat([5 + torch.randn(1900, generator=generator), torch.randn(100, generator=generator)])
    picked = torch.cat([others[:30], others[-30:]])
    assert not look_alike([picked], [others])
    counts = torch.cat([torch.full((30,), 1900 / 30), torch.full((30,), 100 / 30)])
    assert look_alike([picked], [others], [counts])


def test_as_many_of_each_group_look_alike_where_groups_differ():
    generator = torch.Generator().manual_seed(0)
    easy, hard = 5 + torch.randn(1900, generator=generator), torch.randn(100, generator=generator)
    assert look_alike([easy[:30], hard[:30]], [easy[30:], hard[30:]])
    assert not look_alike([torch.cat([easy[:30], hard[:30]])], [torch.cat([easy[30:], hard[30:]])])
