"""Ghost, operation by operation: alignments and fused gradients against the loop over examples, in float64."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import reference
from laws import assert_close
from reweigh.alignment import Ghost, Student
from reweigh.errors import EngineRefused

B = 5


def smooth(model, batch):
    """A loss of every number that the model returns, with examples along the first dimension."""
    out = model(batch).flatten(1)
    return out.sin().mean(1) + 0.3 * out.square().mean(1)


def numbers(*shape, n=B):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def tokens(*shape, n=B):
    return torch.randint(9, (n, *shape), generator=torch.Generator().manual_seed(5))


def agrees(make, batch, loss=smooth, layers=None):
    """Alignments apart, alignments of the shared pass, and the gradient of the weighted losses."""
    torch.manual_seed(1)
    model = make().double()
    direction = reference.random_direction(model)
    if layers is not None:
        direction = {name: v for name, v in direction.items() if name.split(".")[0] in layers}
    truth = reference.loop_alignments(model, loss, batch, direction)
    task = Student(model, loss, layers).on(batch)
    assert_close(Ghost().alignments(task, direction), truth, 1e-10)
    losses, along = Ghost().shared_pass(task, direction)
    assert_close(along, truth, 1e-10)
    torch.testing.assert_close(losses, loss(model, batch), rtol=1e-12, atol=1e-12)
    weights = torch.linspace(-0.5, 1.0, len(truth), dtype=torch.float64)
    trains_as_plainly(model, loss, batch, losses, weights)
    losses, _ = Ghost().shared_pass(task, direction)
    trains_as_plainly(model, loss, batch, losses, weights.clamp(min=0))  # as L2RW does


def trains_as_plainly(model, loss, batch, losses, weights):
    expected = reference.gradients(model, (loss(model, batch) * weights).sum())
    model.zero_grad()
    losses.backward(weights)
    largest = max(float(g.abs().max()) for g in expected.values())
    for name, g in expected.items():
        p = model.get_parameter(name)
        found = torch.zeros_like(p) if p.grad is None else p.grad.to_dense()
        torch.testing.assert_close(found, g, rtol=1e-10, atol=1e-10 * largest, msg=name)


class Addmm(nn.Module):
    """A linear layer as GPT-2 of transformers has it."""

    def __init__(self, inputs, outputs, bias=None, **options):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(*(bias or (outputs,))))
        self.options = options

    def forward(self, x):
        found = torch.addmm(self.bias, x.reshape(-1, x.shape[-1]), self.weight, **self.options)
        return found.view(*x.shape[:-1], -1)


class BiasAlone(nn.Module):
    """The bias of the product is the examples' own, and the weight stands first."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(B, 3))

    def forward(self, x):
        return torch.addmm(x, x, self.weight[:3])


LINEAR = {
    "plain": (lambda: nn.Linear(4, 3), (4,)),
    "no bias": (lambda: nn.Linear(4, 3, bias=False), (4,)),
    "few positions": (lambda: nn.Linear(8, 9), (2, 8)),
    "many positions": (lambda: nn.Linear(3, 2), (7, 3)),
    "positions in two dimensions": (lambda: nn.Linear(3, 2), (4, 5, 3)),
    "addmm": (lambda: Addmm(4, 3), (4,)),
    "addmm, positions": (lambda: Addmm(4, 3), (7, 4)),
    "addmm, twice": (lambda: nn.Sequential(Addmm(4, 5), nn.Tanh(), Addmm(5, 3)), (6, 4)),
    "addmm, a wide bias": (lambda: Addmm(4, 3, bias=(1, 3)), (2, 4)),
    "addmm, scaled": (lambda: Addmm(4, 3, beta=0.5, alpha=2.0), (2, 4)),
    "addmm, to examples": (BiasAlone, (3,)),
    "bilinear": (lambda: Twice(nn.Bilinear(3, 3, 4)), (3,)),
}
CONVOLUTIONS = {
    "1d": (lambda: nn.Conv1d(2, 4, 3), (2, 9)),
    "2d": (lambda: nn.Conv2d(2, 4, 3, bias=False), (2, 7, 6)),
    "3d": (lambda: nn.Conv3d(2, 3, 2), (2, 4, 3, 4)),
    "groups, stride, dilation, padding": (lambda: nn.Conv2d(4, 6, 3, (2, 1), (2, 1), (1, 2), groups=2), (4, 9, 8)),
    "depthwise": (lambda: nn.Conv2d(4, 4, 3, padding=1, groups=4), (4, 5, 5)),
    "same": (lambda: nn.Conv2d(2, 3, 3, padding="same"), (2, 5, 5)),
    "valid": (lambda: nn.Conv1d(2, 3, 3, padding="valid"), (2, 6)),
    **{
        mode: (lambda mode=mode: nn.Conv2d(2, 3, 3, padding=1, padding_mode=mode), (2, 5, 5))
        for mode in ("reflect", "replicate", "circular")
    },
    "transposed 1d": (lambda: nn.ConvTranspose1d(2, 3, 3, 2), (2, 5)),
    "transposed 2d": (lambda: nn.ConvTranspose2d(4, 2, 3, 2, 1, 1, groups=2), (4, 4, 4)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(2, 3, 2), (2, 3, 3, 3)),
}
NORMS = {
    "layer norm": (lambda: nn.LayerNorm(6), (6,)),
    "layer norm, positions": (lambda: nn.LayerNorm(6), (4, 6)),
    "layer norm over two": (lambda: nn.LayerNorm((4, 6)), (3, 4, 6)),
    "layer norm, no bias": (lambda: nn.LayerNorm(6, bias=False), (4, 6)),
    "rms norm": (lambda: nn.RMSNorm(6), (4, 6)),
    "group norm": (lambda: nn.GroupNorm(2, 4), (4, 5, 5)),
    "group norm of vectors": (lambda: nn.GroupNorm(2, 6), (6,)),
    "instance norm 1d": (lambda: nn.InstanceNorm1d(3, affine=True), (3, 7)),
    "instance norm 2d": (lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True), (3, 4, 4)),
    "instance norm 3d": (lambda: nn.InstanceNorm3d(3, affine=True), (3, 2, 3, 2)),
    "batch norm in eval": (lambda: nn.BatchNorm2d(3).eval(), (3, 4, 4)),
    "batch norm 1d in eval": (lambda: nn.BatchNorm1d(3).eval(), (3,)),
}


class Twice(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x, x)


def within(layer, shape, norm=False):
    """Between layers that train: the first makes the input require gradients, the last makes δ differ everywhere."""

    def make():
        middle = layer()
        for p in middle.parameters():
            nn.init.uniform_(p, 0.5 if norm else -1.0, 1.5 if norm else 1.0)
        return nn.Sequential(nn.Unflatten(1, shape), Scale(shape), middle, nn.Flatten(), nn.Tanh())

    return make


class Scale(nn.Module):
    """A scale and a shift for every number of an example, used as operations outside of any layer."""

    def __init__(self, shape):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.rand(shape) + 0.5), nn.Parameter(torch.randn(shape))

    def forward(self, x):
        return x * self.scale + self.shift


ALL = {**LINEAR, **CONVOLUTIONS, **{name: (*rest, True) for name, rest in NORMS.items()}}


@pytest.mark.parametrize("name", ALL)
def test_a_layer(name):
    layer, shape, *norm = ALL[name]
    agrees(within(layer, shape, bool(norm)), numbers(torch.Size(shape).numel()))


@pytest.mark.parametrize("name", ["2d", "plain", "group norm", "layer norm, positions"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_batches_of_the_size_of_something_else(name, n):
    """Shapes in which another dimension has as many entries as there are examples."""
    layer, shape, *norm = ALL[name]
    agrees(within(layer, shape, bool(norm)), numbers(torch.Size(shape).numel(), n=n))


def test_a_large_picture_goes_through_the_kernel_alone(monkeypatch):
    from reweigh.alignment.ghost import convolution

    called = []
    real = convolution._one_by_one
    monkeypatch.setattr(convolution, "_one_by_one", lambda arrival: called.append(1) or real(arrival))
    monkeypatch.setattr(convolution, "LARGE", 100.0)
    for make in (
        lambda: nn.Conv2d(2, 3, 3, stride=2, padding=(2, 1), dilation=2),
        lambda: nn.Conv2d(4, 4, 3, padding=1, groups=2),
    ):
        agrees(lambda make=make: nn.Sequential(make(), nn.Tanh(), nn.Flatten()), numbers(make().in_channels, 9, 8))
    assert len(called) == 6  # three times a model: apart, and two shared passes


class Looked(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.table, self.head = nn.Embedding(9, 4, **options), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.table(x).tanh())


@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"sparse": True}, {"max_norm": 1.0}], ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (3, 2)], ids=str)
def test_embeddings(options, shape):
    agrees(lambda: Looked(**options), tokens(*shape))


ATTENTION = {
    "self": {},
    "no bias": {"bias": False},
    "weights asked for": {"need_weights": True},
    "other widths": {"kdim": 4, "vdim": 4},
    "learned key and value": {"add_bias_kv": True},
    "a zero key": {"add_zero_attn": True},
    "time first": {"batch_first": False},
}


class Attending(nn.Module):
    def __init__(self, need_weights=False, batch_first=True, **options):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 2, batch_first=batch_first, **options)
        self.turned, self.need_weights, self.before = not batch_first, need_weights, nn.Linear(4, 4)

    def forward(self, x, **masks):
        x = self.before(x)
        x = x.transpose(0, 1) if self.turned else x
        out = self.attention(x, x.clone(), x, need_weights=self.need_weights, **masks)[0]
        return out.transpose(0, 1) if self.turned else out


@pytest.mark.parametrize("length", [3, B])
@pytest.mark.parametrize("name", ATTENTION)
def test_multi_head_attention(name, length):
    agrees(lambda: Attending(**ATTENTION[name]), numbers(length, 4))


CAUSAL = torch.ones(3, 3, dtype=torch.bool).triu(1)
MASKS = {
    "causal": {"attn_mask": CAUSAL, "is_causal": True},
    "added": {"attn_mask": torch.arange(9.0, dtype=torch.float64).view(3, 3)},
    "a mask a head": {"attn_mask": CAUSAL.expand(2 * B, 3, 3)},
    "padding": {"key_padding_mask": torch.arange(3 * B).view(B, 3) % 3 == 2},
    "padding and causal": {"key_padding_mask": torch.arange(3 * B).view(B, 3) % 3 == 2, "attn_mask": CAUSAL},
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_attention(name):
    def loss(model, batch):
        return smooth(lambda x: model(x, **MASKS[name]), batch)

    agrees(Attending, numbers(3, 4), loss)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
def test_transformer(norm_first, batch_first):
    options = {"dropout": 0.0, "norm_first": norm_first, "batch_first": batch_first}

    def loss(model, batch):
        both = batch if batch_first else batch.transpose(0, 1)
        out = model(both, both[:, 1:] if batch_first else both[1:])
        return smooth(lambda x: x, out if batch_first else out.transpose(0, 1))

    agrees(lambda: nn.Transformer(4, 2, 1, 1, 6, **options), numbers(4, 4), loss)


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.before, self.rnn = nn.Linear(3, 3), kind(3, 4, **options)

    def forward(self, x):
        first = self.rnn.batch_first
        x = self.before(x if first else x.transpose(0, 1))
        out, state = self.rnn(x)
        last = state[0] if isinstance(state, tuple) else state
        return torch.cat([out if first else out.transpose(0, 1), last[-1].unsqueeze(1).expand(-1, 1, -1)[..., :4]], 1)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("options", [{"batch_first": True}, {"num_layers": 2}], ids=str)
def test_recurrent_layers(kind, options):
    agrees(lambda: Recurrent(kind, **options), numbers(4, 3))


class LowRank(nn.Module):
    """A frozen layer and a trained adapter beside it, as LoRA is written."""

    def __init__(self):
        super().__init__()
        self.frozen, self.down, self.up = nn.Linear(4, 4), nn.Linear(4, 2, bias=False), nn.Linear(2, 4, bias=False)
        self.frozen.requires_grad_(False)
        self.bias_only = nn.Linear(4, 4)
        self.bias_only.weight.requires_grad_(False)
        self.rescale = nn.Parameter(torch.tensor(1.3))

    def forward(self, x):
        return self.bias_only((self.frozen(x) + self.rescale * self.up(self.down(x))).tanh())


@pytest.mark.parametrize("shape", [(4,), (9, 4)], ids=str)
def test_adapters_and_a_frozen_base(shape):
    agrees(LowRank, numbers(*shape))


class Loose(nn.Module):
    """Parameters used as people use them by hand."""

    def __init__(self):
        super().__init__()
        self.start = nn.Parameter(torch.randn(1, 1, 4))
        self.positions = nn.Parameter(torch.randn(8, 4))
        self.matrix, self.mix = nn.Parameter(torch.randn(4, 4)), nn.Parameter(torch.randn(4, 4, 2))
        self.gate, self.unused = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4))

    def forward(self, x):
        x = torch.cat([self.start.expand(len(x), -1, -1), x], 1)
        x = x + self.positions[: x.shape[1]]
        x = x @ self.matrix.T.exp() + torch.einsum("btw,wvh->btv", x, self.mix)
        x *= self.gate.sigmoid()
        x += self.positions[0]
        return torch.where(x > 0, x, self.gate * x).view(x.shape)


def test_parameters_outside_of_layers():
    agrees(Loose, numbers(3, 4))


class TimeFirst(nn.Module):
    """(B, T, width) turned to (T, B, width) or folded to (B·T, width) or (T·B, width), and back."""

    def __init__(self, how):
        super().__init__()
        self.how, self.one, self.norm, self.shift = how, nn.Linear(4, 6), nn.LayerNorm(6), nn.Parameter(torch.randn(6))

    def forward(self, x):
        n, time = x.shape[:2]
        if self.how != "batch, folded":
            x = x.transpose(0, 1)
        if self.how != "time":
            x = x.reshape(n * time, 4)
        x = (self.norm(self.one(x)) * self.shift).tanh()
        if self.how == "batch, folded":
            return x.view(n, time, 6)
        return x.reshape(time, n, 6).transpose(0, 1)


@pytest.mark.parametrize("time", [1, 3, B, 2 * B])
@pytest.mark.parametrize("how", ["time", "batch, folded", "time, folded"])
def test_examples_that_are_not_in_front(how, time):
    agrees(lambda: TimeFirst(how), numbers(time, 4))


@pytest.mark.parametrize("how", ["time", "time, folded"])
def test_what_was_proven_holds_for_later_batches(how):
    """The second batch is square: its shape alone says nothing."""
    torch.manual_seed(1)
    model = TimeFirst(how).double()
    direction = reference.random_direction(model)
    for n, time in ((5, 3), (4, 4), (3, 4), (1, 4), (4, 8)):
        batch = numbers(time, 4, n=n)
        truth = reference.loop_alignments(model, smooth, batch, direction)
        assert_close(Ghost().alignments(Student(model, smooth).on(batch), direction), truth, 1e-10)


def test_a_loss_a_token_and_one_of_the_parameters():
    """Losses of tokens summed with weights, and a penalty that no example has a part in."""

    def loss(model, batch):
        each = F.cross_entropy(model(batch).transpose(1, 2), batch % 2, reduction="none")
        return (each * torch.linspace(0.1, 1, each.shape[1])).sum(1) + 0.1 * model.head.weight.square().sum()

    agrees(Looked, tokens(6), loss)


def test_a_loss_of_parameters_alone():
    def loss(model, batch):
        return model.weight.square().sum() * torch.linspace(1, 2, 5, dtype=torch.float64)

    model = nn.Linear(4, 3).double()
    direction = reference.random_direction(model)
    truth = reference.loop_alignments(model, loss, None, direction)
    assert_close(Ghost().alignments(Student(model, loss).on(None), direction), truth, 1e-10)
    with pytest.raises(EngineRefused, match="no seam"):
        Ghost().shared_pass(Student(model, loss).on(None), direction)


@pytest.mark.parametrize("layers", [["2"], ["0"], ["0", "2"]], ids=str)
def test_layers_restrict_alignments_and_train_the_rest(layers):
    agrees(lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)), numbers(4), layers=layers)


def test_two_inputs_of_one_call_may_both_come_from_the_examples():
    class Gated(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two, self.head = nn.Linear(3, 4), nn.Linear(3, 4), nn.Bilinear(4, 4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.one(x).tanh(), self.two(x).sigmoid())

    agrees(Gated, numbers(3))
