"""Where the examples lie in a layer's tensors is proven, not read off sizes that happen to be distinct."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from throughout import through, worst

WIDTH, WORDS = 6, 30


def source(seed):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(shape, generator=source(seed), dtype=torch.float64)


def labels(n, seed=0):
    return torch.randint(3, (n,), generator=source(seed + 500))


def words(*shape, seed=0):
    return torch.randint(WORDS, shape, generator=source(seed))


def of_x(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


def of_sizes(model, batch):
    return F.cross_entropy(model(batch["x"], batch["sizes"]), batch["y"], reduction="none")


class Views(nn.Module):
    """Two views in one batch of 2B, one after the other or side by side."""

    def __init__(self, zero, side_by_side):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh())
        self.head, self.side_by_side = nn.Linear(8, 3), side_by_side
        if zero:
            nn.init.zeros_(self.head.weight)

    def forward(self, a, b):
        if self.side_by_side:
            return self.head(self.body(torch.stack([a, b], 1).flatten(0, 1))).unflatten(0, (-1, 2)).unbind(1)
        return self.head(self.body(torch.cat([a, b]))).chunk(2)


def of_views(model, batch):
    p, q = model(batch["x"], batch["x2"])
    return F.cross_entropy(p, batch["y"], reduction="none") + 0.5 * (p - q).pow(2).mean(1)


def views(n, seed):
    return {"x": normal(n, 6, seed=seed), "x2": normal(n, 6, seed=seed + 50), "y": labels(n, seed)}


def test_two_views_in_one_batch_with_a_zero_head():
    torch.manual_seed(0)
    seen = through(Views(True, False).double(), of_views, views(12, 99), [views(8, k) for k in range(5)], lr=0.3)
    assert worst(seen) < 1e-9, seen


@pytest.mark.parametrize(("zero", "side_by_side"), [(False, False), (False, True), (True, True)])
def test_no_false_alarm_two_views_in_one_batch(zero, side_by_side):
    torch.manual_seed(0)
    model = Views(zero, side_by_side).double()
    seen = through(model, of_views, views(12, 99), [views(8, k) for k in range(5)], lr=0.3)
    assert worst(seen) < 1e-9, seen
    assert seen[-1].engine == "Ghost()"


def test_three_views_and_a_batch_of_three():
    """Sizes that are equal whichever way they are read."""

    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(6, 6), nn.Linear(6, 3)
            nn.init.zeros_(self.head.weight)

        def forward(self, x):
            folded = torch.cat([x, x.flip(1), 2 * x])
            return self.head(torch.tanh(self.body(folded)).view(3, len(x), -1).mean(0))

    torch.manual_seed(0)
    batches = [{"x": normal(n, 6, seed=n), "y": labels(n)} for n in (3, 3, 6, 3)]
    assert worst(through(Three().double(), of_x, batches[2], batches, lr=0.5)) < 1e-9


class Documents(nn.Module):
    """Documents of sentences of words."""

    def __init__(self):
        super().__init__()
        self.words, self.word, self.sentence = nn.Embedding(WORDS, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        n, sentences, length = x.shape
        read = torch.tanh(self.word(self.words(x.reshape(n * sentences, length)))).mean(1)
        return self.out(torch.tanh(self.sentence(read.view(n, sentences, -1))).mean(1))


@pytest.mark.parametrize("shapes", [[(3, 7), (3, 4), (4, 4), (2, 4)], [(3, 7), (3, 4), (5, 4), (4, 4)]])
def test_documents_whose_sizes_come_to_equal_the_batch(shapes):
    torch.manual_seed(0)
    batches = [{"x": words(4, *shape, seed=k), "y": labels(4, k)} for k, shape in enumerate(shapes)]
    clean = {"x": words(12, 3, 6, seed=99), "y": labels(12)}
    assert worst(through(Documents().double(), of_x, clean, batches)) < 1e-9


class Bags(nn.Module):
    """All instances of all bags in one list."""

    def __init__(self):
        super().__init__()
        self.body, self.out = nn.Sequential(nn.Linear(6, 8), nn.Tanh()), nn.Linear(8, 3)

    def forward(self, x, sizes):
        return self.out(torch.stack([part.mean(0) for part in self.body(x).split(list(sizes))]))


def bag(sizes, seed):
    return {"x": normal(sum(sizes), 6, seed=seed), "sizes": sizes, "y": labels(len(sizes), seed)}


EVEN = [2, 2, 2, 2, 2, 2]
RAGGED = [1, 3, 2, 2, 1, 3], [3, 3, 1, 1, 2, 2], [4, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("later", [([3] * 6, [1, 2, 3, 4, 5, 3], [2, 4, 1, 5, 3, 3]), (EVEN, *RAGGED)])
def test_bags_that_become_ragged(later):
    torch.manual_seed(0)
    batches = [bag(list(sizes), k) for k, sizes in enumerate(later)]
    assert worst(through(Bags().double(), of_sizes, bag([3] * 8, 99), batches)) < 1e-9


class Counted(nn.Module):
    """Rows made within the model, as many for each example as a tensor says, which no check reads."""

    def __init__(self, make):
        super().__init__()
        self.make, self.stem, self.layer, self.out = (
            make,
            nn.Linear(6, WIDTH),
            nn.Linear(WIDTH, WIDTH),
            nn.Linear(WIDTH, 3),
        )

    def forward(self, x, sizes):
        rows = self.make(torch.tanh(self.stem(x)), sizes)
        each = torch.linspace(0, 1, len(rows)).to(rows)[:, None]
        parts = torch.tanh(self.layer(rows + each)).split(sizes.tolist())
        return self.out(torch.stack([part.mean(0) for part in parts]))


def by_split(h, sizes):
    return torch.cat([part.squeeze(0)[:size] for part, size in zip(h.split(1), sizes.tolist(), strict=True)])


def by_index(h, sizes):
    return torch.cat([h[i][:size] for i, size in enumerate(sizes.tolist())])


def by_list(h, sizes):
    return h.flatten(0, 1)[[i * h.shape[1] + j for i, size in enumerate(sizes.tolist()) for j in range(size)]]


def by_narrow(h, sizes):
    flat = h.flatten(0, 1)
    return torch.cat([flat.narrow(0, i * h.shape[1], size) for i, size in enumerate(sizes.tolist())])


def by_repeating(h, sizes):
    return torch.repeat_interleave(h[:, 0], sizes, dim=0)


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize("make", [by_split, by_index, by_list, by_narrow, by_repeating])
def test_rows_counted_by_a_tensor_that_become_ragged_between_two_checks(make, how):
    """As many examples as the layer is wide and as there are steps: a ragged list looks like an even one."""
    torch.manual_seed(0)
    batches = [
        {"x": normal(6, 6, 6, seed=k), "sizes": torch.tensor(sizes), "y": labels(6, k)}
        for k, sizes in enumerate([EVEN] * 4 + list(RAGGED))
    ]
    assert worst(through(Counted(make).double(), of_sizes, batches[0], batches, how=how)) < 1e-9


class Sequence(nn.Module):
    """A layer over a sequence, which may lie with time first, or be folded; T may be B."""

    def __init__(self, layout):
        super().__init__()
        self.layout, self.words, self.layer = layout, nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.gru, self.out = nn.GRU(WIDTH, WIDTH, batch_first=layout != "time first"), nn.Linear(WIDTH, 3)

    def forward(self, x):
        h = self.words(x.T if self.layout == "time first" else x)
        if self.layout == "folded":
            return self.out(torch.tanh(self.layer(h.flatten(0, 1))).unflatten(0, x.shape)[:, -1])
        h = self.gru(torch.tanh(self.layer(h)))[0]
        return self.out(h[-1] if self.layout == "time first" else h[:, -1])


@pytest.mark.parametrize("layout", ["batch first", "time first", "folded"])
@pytest.mark.parametrize("lengths", [(7, 4, 4, 3, 4), (4, 4, 8, 4, 1)])
def test_no_false_alarm_sequences_as_long_as_the_batch(layout, lengths):
    torch.manual_seed(0)
    batches = [{"x": words(4, length, seed=k), "y": labels(4, k)} for k, length in enumerate(lengths)]
    seen = through(Sequence(layout).double(), of_x, batches[0], batches)
    assert worst(seen) < 1e-9
    assert {batch.engine for batch in seen} == {"Ghost()"}


class Windows(nn.Module):
    """Attention within windows of an image, shifted and back."""

    def __init__(self):
        super().__init__()
        self.stem, self.attention = nn.Conv2d(1, 8, 1), nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        h = self.stem(x).permute(0, 2, 3, 1)
        for shift in (0, 1):
            moved = h.roll((-shift, -shift), (1, 2))
            n, high, wide, c = h.shape
            folded = moved.view(n, high // 2, 2, wide // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)
            mixed = self.attention(folded, folded, folded, need_weights=False)[0]
            back = mixed.view(n, high // 2, wide // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(h.shape)
            h = h + back.roll((shift, shift), (1, 2))
        return self.out(h.mean((1, 2)))


@pytest.mark.parametrize("n", [3, 4, 6])
def test_no_false_alarm_windows_are_as_many_for_each_image(n):
    torch.manual_seed(0)
    batches = [{"x": normal(n, 1, 4, 4, seed=k), "y": labels(n, k)} for k in range(3)]
    seen = through(Windows().double(), of_x, batches[0], batches)
    assert worst(seen) < 1e-9
    assert {batch.engine for batch in seen} == {"Ghost()"}


class Queries(nn.Module):
    """Learned queries attend to one another before they meet an example."""

    def __init__(self):
        super().__init__()
        self.queries, self.stem = nn.Parameter(torch.randn(5, 8)), nn.Linear(6, 8)
        self.decoder, self.out = nn.TransformerDecoderLayer(8, 2, 8, 0.0, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.decoder(self.queries.expand(len(x), -1, -1), self.stem(x)).mean(1))


def test_no_false_alarm_learned_queries_attend_to_one_another():
    torch.manual_seed(0)
    batches = [{"x": normal(n, 4, 6, seed=k), "y": labels(n, k)} for k, n in enumerate((6, 3, 6))]
    seen = through(Queries().double(), of_x, batches[0], batches)
    assert worst(seen) < 1e-9
    assert {batch.engine for batch in seen} == {"Ghost()"}


@pytest.mark.parametrize("layout", ["batch first", "folded"])
def test_no_false_alarm_bf16_autocast_with_a_sequence_as_long_as_the_batch(layout):
    def loss(model, batch):
        with torch.autocast("cpu", torch.bfloat16):
            return of_x(model, batch)

    torch.manual_seed(0)
    batches = [{"x": words(6, 6, seed=k), "y": labels(6, k)} for k in range(3)]
    seen = through(Sequence(layout), loss, batches[0], batches)
    assert worst(seen) < 0.2
    assert {batch.engine for batch in seen} == {"Ghost()"}
