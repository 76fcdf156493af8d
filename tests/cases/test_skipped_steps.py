"""A batch that was weighed and led to no step of the optimizer is not learned from; all goes on as if it had not been."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from reweigh import DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput

LEARNING = {"one step": {}, "horizon": {"horizon": 3}, "sliding": {"horizon": 3, "every": 1}}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01),
    "fused adamw": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
}


def batch_of(seed, size=12):
    generator = torch.Generator().manual_seed(seed)
    return {"x": torch.randn(size, 4, generator=generator), "y": torch.randint(3, (size,), generator=generator)}


def losses(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"], reduction="none")


class Loop:
    """A training loop that writes down what the rule was after each step."""

    def __init__(self, learning="one step", optimizer="sgd", rule=MetaWeightNet):
        torch.manual_seed(3)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        self.optimizer = OPTIMIZERS[optimizer](self.model.parameters())
        settings = Learning(lr=0.01, **LEARNING[learning])
        self.by = Reweigher(
            self.model, losses, rule=rule(), clean=[batch_of(77, 9)], optimizer=self.optimizer, learning=settings
        )

    def grade(self, k, how="backward", clear_first=True):
        """Clear, weigh and differentiate; in the order of the README, or weighing before anything is cleared."""
        if clear_first:
            self.optimizer.zero_grad()
        if how == "backward":
            self.by.backward(batch_of(k))
            return
        weights = self.by.weigh(batch_of(k))
        if not clear_first:
            self.optimizer.zero_grad()
        losses(self.model, batch_of(k)).backward(weights)

    def step(self, k, **how):
        self.grade(k, **how)
        self.optimizer.step()
        self.by.after_step()

    @property
    def state(self):
        learner, rule = self.by.state_dict()["learner"], self.by.rule
        memory = {place: vars(m) for place, m in (rule.memory() or {}).items()}
        taught = (learner["teaching"] or {}).get("state", {})
        return copy.deepcopy((self.model.state_dict(), rule.net.state_dict(), memory, taught, learner["window"]))


def skipped(loop, **how):
    loop.grade(50, **how)
    loop.by.after_step()


def skipped_unsaid(loop, **how):
    loop.grade(50, **how)


def thrice(loop, **how):
    for k in (50, 51, 52):
        loop.grade(k, **how)


def overflow(loop, **how):
    """What a gradient scaler sees, with a fused optimizer that skips the step by itself."""
    loop.grade(50, **how)
    for p in loop.model.parameters():
        p.grad.mul_(float("inf"))
    loop.by.after_step()


def weighed_only(loop, **how):
    loop.by.weigh(batch_of(50))


def weighed_twice(loop, **how):
    loop.by.weigh(batch_of(50))
    loop.by.weigh(batch_of(50))


def error_in_backward(loop, **how):
    handle = loop.model[2].bias.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.grade(50, **how)
    handle.remove()


def error_in_loss(loop, **how):
    with pytest.raises(IndexError):
        loop.by.weigh({**batch_of(50), "y": torch.full((12,), 9)})


ACCIDENTS = [
    skipped, skipped_unsaid, thrice, overflow, weighed_only, weighed_twice, error_in_backward, error_in_loss
]  # fmt: skip


@pytest.mark.parametrize("accident", ACCIDENTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("learning", ["one step", "sliding"])
@pytest.mark.parametrize("how", ["backward", "weigh", "weigh, then clear"])
def test_as_if_it_had_not_been(how, learning, accident):
    """Parameters, the rule, its optimizer and the recorded window: all bits."""
    how = {"how": how.split(",")[0], "clear_first": "clear" not in how}
    one, other = Loop(learning), Loop(learning)
    for k in range(6):
        if k in (0, 3, 4):
            accident(one, **how)
        one.step(k, **how)
        other.step(k, **how)
        torch.testing.assert_close(one.state[:4], other.state[:4], rtol=0, atol=0)
    windows = [[len(s["parts"]) for s in loop.state[4]["steps"]] for loop in (one, other)]
    assert windows[0] == windows[1]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "rule", [MetaWeightNet, lambda: DeepInteraction(3, surface=False)], ids=["meta-weight-net", "teacher"]
)
def test_a_skipped_step_with_every_optimizer(optimizer, rule):
    one, other = Loop("horizon", optimizer, rule), Loop("horizon", optimizer, rule)
    for k in range(7):
        if k in (1, 4):
            skipped(one)
        one.step(k), other.step(k)
    torch.testing.assert_close(one.state[:4], other.state[:4], rtol=0, atol=0)
    start = Loop("horizon", optimizer, rule)
    start.step(0)
    first = start.by.rule.net.state_dict()
    assert any(not torch.equal(p, first[name]) for name, p in one.by.rule.net.state_dict().items())  # and it did learn


def test_a_gradient_scaler():
    """On a CPU it works as on an accelerator: too large a scale, a skipped step, a smaller scale."""
    one, other = Loop(), Loop()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-60, growth_interval=10**6)
    steps = 0
    for k in range(6):
        one.optimizer.zero_grad()
        weights = one.by.weigh(batch_of(k))
        scaler.scale((weights * losses(one.model, batch_of(k)) * 1e3).sum()).backward()
        before = one.model[0].weight.detach().clone()
        scaler.step(one.optimizer)
        scaler.update()
        kept = copy.deepcopy(one.by.rule.net.state_dict())
        one.by.after_step()
        if torch.equal(before, one.model[0].weight):
            torch.testing.assert_close(one.by.rule.net.state_dict(), kept, rtol=0, atol=0)
        else:
            steps += 1
            assert any(not torch.equal(p, kept[n]) for n, p in one.by.rule.net.state_dict().items())
    assert 0 < steps < 6
    assert other.by.report is None


def test_accumulated_batches_all_count_in_every_order():
    """Two batches before a step, weighed and differentiated one after the other: both are recorded."""
    for first in ("backward", "weigh"):
        for second in ("backward", "weigh"):
            loop = Loop("sliding")
            for k in range(3):
                loop.grade(2 * k, how=first)
                if second == "backward":
                    loop.by.backward(batch_of(2 * k + 1))
                else:
                    weights = loop.by.weigh(batch_of(2 * k + 1))
                    losses(loop.model, batch_of(2 * k + 1)).backward(weights)
                torch.nn.utils.clip_grad_norm_(loop.model.parameters(), 0.1)
                loop.optimizer.step()
                loop.by.after_step()
            assert [len(s["parts"]) for s in loop.state[4]["steps"]] == [2, 2], (first, second)


def test_a_step_that_was_not_announced_breaks_the_window():
    """The next step does not begin where the last recorded one led: nothing is differentiated across the gap."""
    loop = Loop("sliding")
    loop.step(0), loop.step(1)
    loop.grade(2)
    loop.optimizer.step()
    loop.step(3)
    assert len(loop.state[4]["steps"]) == 1


def test_gradients_cleared_too_early_still_get_their_sentence_and_leave_no_gap():
    loop = Loop("sliding")
    loop.step(0), loop.step(1)
    loop.grade(2)
    loop.optimizer.step()
    loop.optimizer.zero_grad()
    with pytest.raises(BadInput, match=r"cleared before after_step\(\)"):
        loop.by.after_step()
    loop.step(3)
    assert len(loop.state[4]["steps"]) == 1


def test_learning_that_failed_is_due_again():
    """The clean batch of the third step is bad: the rule learns from the same window, one step on."""
    clean = [batch_of(77, 9), batch_of(78, 9)]
    clean[0]["x"][0] = float("nan")
    loop = Loop("horizon")
    loop.by = Reweigher(
        loop.model, losses, rule=MetaWeightNet(), clean=clean, optimizer=loop.optimizer, learning=Learning(horizon=3)
    )
    learned = []
    for k in range(7):
        loop.grade(k)
        loop.optimizer.step()
        before = copy.deepcopy(loop.by.rule.state_dict())
        try:
            loop.by.after_step()
        except ArithmeticError:
            learned.append("refused")
        learned += ["learned"] * (str(loop.by.rule.state_dict()) != str(before))
    assert learned[:2] == ["refused", "learned"]
