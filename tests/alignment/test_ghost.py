"""The ghost engine as a whole: what it refuses, and that training around it is left alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence

import reference
from laws import assert_close
from reweigh import L2RW, Reweigher, alignments
from reweigh.alignment import Ghost, Student
from reweigh.errors import EngineRefused

N = 6


def losses(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1], reduction="none")


def batch_of(*shape, n=N):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(2)).double(), torch.arange(n) % 2


class By(nn.Module):
    """A layer, something done to the examples in between, and a head."""

    def __init__(self, between):
        super().__init__()
        self.stem, self.head, self.between = nn.Linear(3, 4), nn.Linear(4, 2), between
        self.extra = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return self.head(self.between(self, self.stem(x)))


def assign(model, x):
    x = x * 1.0
    x[:, 0] = model.extra[0]
    return x


def packed(model, x):
    return pack_padded_sequence(x[:, None], torch.ones(len(x)), batch_first=True).data


REFUSED = {
    "sorted": (lambda model, x: x[x[:, 0].argsort()], r"head \(Linear\).*rearranged"),
    "selected": (lambda model, x: x.index_select(0, x[:, 0].argsort()), r"head \(Linear\).*rearranged"),
    "gathered": (lambda model, x: x.gather(0, x.argsort(0)), r"head \(Linear\).*rearranged"),
    "packed": (packed, r"head \(Linear\).*rearranged"),
    "sorted, long before": (lambda model, x: (x[x[:, 0].argsort()] + 1).tanh(), r"head \(Linear\).*rearranged"),
    "assigned": (assign, r"By's own forward.*assignment"),
    "out=": (lambda model, x: torch.add(x.detach(), model.extra, out=torch.empty_like(x)), r"By's own forward.*out="),
    "batch norm": (lambda model, x: F.batch_norm(x, None, None, training=True), r"mixes the examples"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    between, said = REFUSED[name]
    model = By(between).double()
    with pytest.raises(EngineRefused, match=said) as caught:
        Ghost().alignments(Student(model, losses).on(batch_of(3)), reference.random_direction(model))
    assert str(caught.value).startswith("engine 'ghost' cannot go through")


ALLOWED = {
    "a fixed order": lambda model, x: x[torch.arange(len(x))],
    "an index of features": lambda model, x: x[:, torch.tensor([3, 2, 1, 0])],
    "gathered within examples": lambda model, x: x.gather(1, x.argsort(1)),
    "chosen by a mask": lambda model, x: torch.where(x > 0, x, model.extra),
    "rearranged, but in no one's way": lambda model, x: x + 0 * x[x[:, 0].argsort()].sum().detach(),
}


@pytest.mark.parametrize("name", [n for n in ALLOWED if not n.startswith("rearranged")])
def test_harmless_indices_are_not_refused(name):
    model = By(ALLOWED[name]).double()
    direction = reference.random_direction(model)
    truth = reference.loop_alignments(model, losses, batch_of(3), direction)
    assert_close(Ghost().alignments(Student(model, losses).on(batch_of(3)), direction), truth, 1e-10)


@pytest.mark.parametrize(
    "between",
    [lambda model, x: x - x.mean(0), lambda model, x: x + x.flip(0), lambda model, x: x.cumsum(0)],
    ids=["centred", "flipped", "summed up"],
)
def test_what_mixes_examples_unseen_is_caught_by_the_check(between):
    model = By(between).double()
    with pytest.raises(
        EngineRefused,
        match=r"'ghost' (disagrees with the backward pass at|cannot go through stem) .*engine='(forward|finite)' works",
    ):
        alignments(model, losses, batch_of(3), reference.random_direction(model), engine="ghost")


def test_batch_norm_on_the_input_mixes_no_gradients():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)).double()
    direction = reference.random_direction(model)
    truth = reference.loop_alignments(model, losses, batch_of(3), direction)
    before = model[0].running_mean.clone()
    task = Student(model, losses).on(batch_of(3))
    assert_close(Ghost().alignments(task, direction), truth, 1e-10)
    assert torch.equal(model[0].running_mean, before)
    Ghost().shared_pass(task, direction)
    torch.testing.assert_close(model[0].running_mean, 0.9 * before + 0.1 * batch_of(3)[0].mean(0))


def test_batch_norm_below_the_chosen_layers_mixes_none_of_theirs():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 2)).double()
    direction = {name: v for name, v in reference.random_direction(model).items() if name.startswith("3.")}
    truth = reference.loop_alignments(model, losses, batch_of(3), direction)
    assert_close(alignments(model, losses, batch_of(3), direction, engine="ghost", layers="3"), truth, 1e-10)
    twin = nn.Sequential(*(model[:1]), *(model[1:]))
    by_rule = Reweigher(twin, losses, rule=L2RW(), clean=[batch_of(3, n=4)], engine="ghost", layers="3")
    by_rule.backward(batch_of(3))
    assert "weights first, then a pass for training" in by_rule.explain()


def plain_and_fused(make, loss=losses, batch=None, rounds=2, dtype=torch.float64):
    """Gradients accumulated over some batches, by the fused backward pass and by hand with the same weights."""
    torch.manual_seed(1)
    fused = make().to(dtype)
    torch.manual_seed(1)
    plain = make().to(dtype)
    batch = batch or batch_of(3)
    batch = batch[0].to(dtype), batch[1]
    by_rule = Reweigher(fused, loss, rule=L2RW(), clean=[(batch[0].flip(0) * 0.9, batch[1])], engine="ghost")
    for _ in range(rounds):
        weights = by_rule.backward(batch).weights
        loss(plain, batch).backward(weights)
    assert "one pass serves weights and training" in by_rule.explain()
    return plain, fused


def assert_same_gradients(plain, fused, tolerance=1e-10):
    for (name, p), q in zip(plain.named_parameters(), fused.parameters(), strict=True):
        assert (p.grad is None) == (q.grad is None), name
        if p.grad is not None:
            torch.testing.assert_close(q.grad, p.grad, rtol=tolerance, atol=tolerance, msg=name)


def test_gradients_accumulate():
    assert_same_gradients(
        *plain_and_fused(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), rounds=3)
    )


def test_frozen_parameters_get_none():
    def make():
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
        model[2].requires_grad_(False)
        return model

    plain, fused = plain_and_fused(make)
    assert fused[2].weight.grad is None
    assert_same_gradients(plain, fused)


def test_hooks_of_parameters_see_the_weighted_gradient():
    plain, fused = (nn.Linear(3, 2).double() for _ in range(2))
    fused.load_state_dict(plain.state_dict())
    seen = []
    fused.weight.register_hook(lambda g: seen.append(g.clone()))
    found, _ = Ghost().shared_pass(Student(fused, losses).on(batch_of(3)), {})
    assert seen == []
    weights = torch.linspace(0, 1, N).double()
    found.backward(weights)
    losses(plain, batch_of(3)).backward(weights)
    torch.testing.assert_close(seen[0], plain.weight.grad)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_bfloat16_autocast_and_memory_format(memory_format):
    def make():
        layers = nn.Conv2d(2, 8, 3), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(128, 2)
        return nn.Sequential(*layers).to(memory_format=memory_format)

    def loss(model, batch):
        with torch.autocast("cpu", torch.bfloat16):
            return losses(model, (batch[0].contiguous(memory_format=memory_format), batch[1]))

    plain, fused = plain_and_fused(make, loss, batch_of(2, 8, 8), dtype=torch.float32)
    for p, q in zip(plain.parameters(), fused.parameters(), strict=True):
        assert float((p.grad - q.grad).norm()) <= 2e-2 * float(p.grad.norm())
        assert q.grad.dtype == torch.float32


def test_a_checkpointed_block_with_dropout_shares_the_pass():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.Dropout(0.4), nn.Linear(8, 3))
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            return self.head(torch.utils.checkpoint.checkpoint(self.inside, x, use_reentrant=False).tanh())

    torch.manual_seed(1)
    fused, plain = Block().double(), Block().double()
    plain.load_state_dict(fused.state_dict())
    torch.manual_seed(3)
    found, _ = Ghost().shared_pass(Student(fused, losses).on(batch_of(3)), reference.random_direction(fused))
    after = torch.get_rng_state()
    weights = torch.linspace(0, 1, N).double()
    found.backward(weights)
    torch.manual_seed(3)
    losses(plain, batch_of(3)).backward(weights)
    assert torch.equal(torch.get_rng_state(), after)
    assert_same_gradients(plain, fused)


def test_the_direction_may_lack_parameters():
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).double()
    direction = {name: v for name, v in reference.random_direction(model).items() if name.endswith("bias")}
    truth = reference.loop_alignments(model, losses, batch_of(3), direction)
    assert_close(Ghost().alignments(Student(model, losses).on(batch_of(3)), direction), truth, 1e-10)


def test_nothing_is_kept_after_the_step():
    """Tensors of a pass must not outlive it: a loop would fill the memory."""
    import gc

    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    by_rule = Reweigher(model, losses, rule=L2RW(), clean=[batch_of(3)], engine="ghost")

    def alive():
        gc.collect()
        return sum(isinstance(o, torch.Tensor) for o in gc.get_objects())

    counts = []
    for _ in range(4):
        by_rule.backward(batch_of(3))
        model.zero_grad()
        counts.append(alive())
    assert counts[1] == counts[2] == counts[3]
