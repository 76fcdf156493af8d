"""Examples that begin to mix at a later batch, between two checks."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from throughout import through, worst

D = 6


def data(n, seed):
    g = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(n, D, generator=g, dtype=torch.float64), "y": torch.randint(3, (n,), generator=g)}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


CLEAN, BATCHES = data(7, 99), [data(6, k) for k in range(8)]
FEWER = [data(5, k) for k in range(8)]
"""As many examples as the model is wide, and not as many."""
FIRST, LATER = [0] * 5, [1] * 3
"""Nothing is mixed at the batches 1 to 5, of which 1, 2 and 4 are checked; 6 and 7 are not."""


class Net(nn.Module):
    """Mixes in the middle, by a factor that `through` sets from batch to batch."""

    def __init__(self, mix):
        super().__init__()
        self.stem, self.middle, self.head = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, 3)
        self.mix, self.factor = mix, 0.0

    def forward(self, x):
        return self.head(torch.tanh(self.middle(self.mix(torch.tanh(self.stem(x)), self.factor))))


def manifold(h, t):
    """Mixup of hidden states; the factor is drawn, and may be one."""
    order = torch.arange(len(h)).roll(1)
    return (1 - 0.4 * t) * h + 0.4 * t * h[order]


def permuted(h, t):
    return h if not t else 0.7 * h + 0.3 * h[torch.randperm(len(h), generator=torch.Generator().manual_seed(3))]


def flipped(h, t):
    return h if not t else 0.7 * h + 0.3 * h.flip(0)


def rolled(h, t):
    return h + 0.5 * t * h.roll(1, 0)


def centred(h, t):
    return h - t * h.mean(0)


def by_a_sum(h, t):
    return h - t * h.sum(0, keepdim=True) / len(h)


def by_a_product(h, t):
    return h + t * (h @ h.T).softmax(-1) @ h


def by_a_scale(h, t):
    return h if not t else h / h.norm()


def by_a_concatenation(h, t):
    return h + 0.5 * t * torch.cat([h[1:], h[:1]])


def by_einsum(h, t):
    return h + t * torch.einsum("id,jd->ij", h, h).tanh() @ h / len(h)


def by_index_add(h, t):
    return h + 0.5 * t * torch.zeros_like(h).index_add(0, torch.arange(len(h)).flip(0), h)


def by_bmm(h, t):
    return h + t * torch.bmm(torch.full((1, len(h), len(h)), 0.1).to(h), h[None])[0]


def by_cumsum(h, t):
    return h + 0.1 * t * h.cumsum(0)


def by_convolution(h, t):
    """Along the examples, as a smoothing in time does."""
    return h + t * F.avg_pool1d(h.T[None], 3, 1, 1)[0].T


def by_max(h, t):
    return h + t * h.max(0).values


MIXES = [
    manifold, permuted, flipped, rolled, centred, by_a_sum, by_a_product, by_a_scale, by_a_concatenation, by_einsum,
    by_index_add, by_bmm, by_cumsum, by_convolution, by_max,
]  # fmt: skip


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize("batches", [BATCHES, FEWER], ids=["as many as the width", "fewer"])
@pytest.mark.parametrize("mix", MIXES)
def test_hidden_states_that_begin_to_mix(mix, batches, how):
    def before(model, k):
        model.factor = (FIRST + LATER)[k]

    torch.manual_seed(0)
    seen = through(Net(mix).double(), losses, CLEAN, batches, how=how, before=before)
    assert worst(seen) < 1e-9, seen


class Coefficient(nn.Module):
    """As ReZero has one: trained, and zero at first."""

    def __init__(self, mix):
        super().__init__()
        self.stem, self.head, self.mix = nn.Linear(D, D), nn.Linear(D, 3), mix
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        h = torch.tanh(self.stem(x))
        return self.head(h + self.alpha * self.mix(h, 1.0))


@pytest.mark.parametrize("mix", [centred, flipped, by_a_product, by_bmm, by_convolution])
def test_a_branch_that_mixes_with_a_coefficient_of_zero(mix):
    torch.manual_seed(0)
    assert worst(through(Coefficient(mix).double(), losses, CLEAN, BATCHES[:5], lr=0.5)) < 1e-9


class InTraining(nn.Module):
    """Mixes in train mode alone, without a layer that says so."""

    def __init__(self, mix):
        super().__init__()
        self.stem, self.head, self.mix = nn.Linear(D, D), nn.Linear(D, 3), mix

    def forward(self, x):
        h = torch.tanh(self.stem(x))
        return self.head(self.mix(h, 1.0) if self.training else h)


@pytest.mark.parametrize("mix", [centred, by_a_concatenation, by_bmm])
def test_what_mixes_in_train_mode_alone(mix):
    torch.manual_seed(0)
    model = InTraining(mix).double()
    seen = through(model, losses, CLEAN, BATCHES[:4], before=lambda m, k: m.train(k % 2 == 1))
    assert worst(seen) < 1e-9, seen


def contrastive(z, y):
    return F.cross_entropy(z @ z.T / 0.5 - 9 * torch.eye(len(z)), y.argsort(), reduction="none")


def centred_loss(z, y):
    return (z - z.mean(0)).square().sum(1)


def decorrelated(z, y):
    return z.square().sum(1) + (z.T @ z).square().sum() / len(z) ** 2


def in_batch(z, y):
    """Retrieval with the other examples of the batch as negatives."""
    return F.cross_entropy(F.normalize(z) @ F.normalize(z.flip(1)).T, torch.arange(len(z)), reduction="none")


def hardest(z, y):
    return torch.cdist(z, z).topk(2, dim=1).values[:, 1]


@pytest.mark.parametrize("term", [contrastive, centred_loss, decorrelated, in_batch, hardest])
def test_a_term_of_the_loss_that_compares_examples_is_switched_on_later(term):
    flag = {"on": False}

    def loss(model, batch):
        z = model(batch["x"])
        plain = F.cross_entropy(z, batch["y"], reduction="none")
        return plain + 0.5 * term(z, batch["y"]) if flag["on"] else plain

    def before(model, k):
        flag["on"] = k >= 5

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(D, D), nn.Tanh(), nn.Linear(D, 3)).double()
    seen = through(model, loss, CLEAN, BATCHES, before=before)
    assert worst(seen) < (1e-9 if term is not hardest else 1e-6), seen


def own_mean(h, t):
    return h - h.mean(-1, keepdim=True)


def own_softmax(h, t):
    return h.softmax(-1)


def own_order(h, t):
    return h.sort(-1).values


def back_again(h, t):
    return h.flip(0).tanh().flip(0)


@pytest.mark.parametrize("mix", [own_mean, own_softmax, own_order])
def test_no_false_alarm_what_stays_within_an_example(mix):
    torch.manual_seed(0)
    seen = through(Net(mix).double(), losses, CLEAN, BATCHES[:4])
    assert worst(seen) < 1e-9
    assert {batch.engine for batch in seen} == {"Ghost()"}


def test_no_false_alarm_examples_put_back_where_they_were():
    torch.manual_seed(0)
    assert worst(through(Net(back_again).double(), losses, CLEAN, BATCHES[:4])) < 1e-9
