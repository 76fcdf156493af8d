"""One number that is NaN or infinite: it is named, and leaves nothing behind."""

import copy
import math

import pytest
import torch
from torch import nn

from bad_numbers import (
    BAD_AT,
    LEARNING,
    RULES,
    batch_of,
    ignored_label,
    infinite_input,
    label_of_no_class,
    losses,
    nan_input,
    run,
    same_run,
    student,
)
from reweigh import L2RW, DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.errors import BadInput, NonFinite
from reweigh.rules import RandomRectified
from two_ranks import on_two_ranks


@pytest.mark.parametrize("how", ["backward", "weigh"])
@pytest.mark.parametrize("learning", LEARNING)
@pytest.mark.parametrize("rule", RULES)
def test_a_nan_example_leaves_a_rule_that_learns_as_it_was(rule, learning, how):
    bad = run(RULES[rule](), LEARNING[learning], nan_input, how=how)
    (error,) = bad[2]
    # Train-mode BatchNorm spreads it over the batch.
    assert isinstance(error, NonFinite)
    assert "of the training batch is not finite at step 5 (ids [1000, 1001" in str(error)
    same_run(bad, run(RULES[rule](), LEARNING[learning], how=how))


@pytest.mark.parametrize("spoil", [infinite_input, label_of_no_class, ignored_label])
@pytest.mark.parametrize("rule", ["class-aware", "deep-interaction"])
@pytest.mark.parametrize("learning", ["real", "horizon", "virtual"])
def test_neighbours_of_a_nan_example(rule, learning, spoil):
    bad = run(RULES[rule](), LEARNING[learning], spoil)
    assert len(bad[2]) == 1
    same_run(bad, run(RULES[rule](), LEARNING[learning]))


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (L2RW, {}),
        (L2RW, {"clean_average": 0.9}),
        (L2RW, {"clean_every": 3, "engine": "forward"}),
        (L2RW, {"skip_zeros": True, "engine": "finite"}),
        (RandomRectified, {}),
    ],
)
@pytest.mark.parametrize("how", ["backward", "weigh"])
def test_a_nan_example_leaves_the_other_rules_as_they_were(rule, options, how):
    """The weights of later batches, the running means of the student's BatchNorm, and the rule's own generator."""
    bad = run(rule(), {}, nan_input, how=how, **options)
    assert isinstance(bad[2][0], NonFinite)
    same_run(bad, run(rule(), {}, how=how, **options))


def clean_batches(spoil):
    found = [batch_of(100 + k, 6) for k in range(9)]
    spoil(found[BAD_AT])
    return found


def test_a_bad_clean_batch_is_named_and_passed_by():
    model = student()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    rule = DeepInteraction(3)
    reweigher = Reweigher(model, losses, rule=rule, clean=clean_batches(nan_input), optimizer=optimizer)
    for k in range(9):
        optimizer.zero_grad()
        reweigher.backward(batch_of(k))
        optimizer.step()
        before = copy.deepcopy((rule.state_dict(), reweigher.state_dict()["learner"]["teaching"]))
        if k == BAD_AT:
            with pytest.raises(
                NonFinite, match=r"clean loss or its gradient is not finite .*clean examples with ids \[10"
            ):
                reweigher.after_step()
            assert str((rule.state_dict(), reweigher.state_dict()["learner"]["teaching"])) == str(before)
            assert math.isfinite(reweigher.state_dict()["learner"]["clean_loss"])
        else:
            reweigher.after_step()
            assert str(rule.state_dict()) != str(before[0])
    assert all(bool(torch.isfinite(m.rows).all()) for m in rule.memory().values())


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("how", ["weigh", "backward"])
def test_a_bad_clean_batch_does_not_stay_in_the_direction(average, how):
    model = student().eval()
    by_rule = Reweigher(model, losses, rule=L2RW(), clean=clean_batches(nan_input), clean_average=average)
    for k in range(9):
        watched = by_rule.state_dict()["watch"]
        if k == BAD_AT:
            with pytest.raises(NonFinite, match=r"clean examples with ids \[1005\]"):
                getattr(by_rule, how)(batch_of(k))
            assert by_rule.state_dict()["watch"] == watched
            assert by_rule.report.step == BAD_AT
        else:
            getattr(by_rule, how)(batch_of(k))
    assert math.isfinite(by_rule.report.direction_norm)


class Root(torch.autograd.Function):
    """Its loss is finite, its gradient is not, where the label says so."""

    @staticmethod
    def forward(ctx, values, bad):
        ctx.save_for_backward(bad)
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        (bad,) = ctx.saved_tensors
        return torch.where(bad, math.nan, gradient), None


def losses_with_a_root(model, batch):
    return Root.apply(losses(model, batch), batch["bad"])


@pytest.mark.parametrize("look_ahead", ["virtual", "virtual-sgd"])
def test_an_example_whose_gradient_alone_is_nan(look_ahead):
    """The training batch is blamed by name, not the clean one, at which the NaN shows first."""
    model = student().eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    rule, learning = MetaWeightNet(), Learning(look_ahead=look_ahead)
    by_rule = Reweigher(
        model,
        losses_with_a_root,
        clean_loss=losses,
        rule=rule,
        clean=[batch_of(9)],
        optimizer=optimizer,
        learning=learning,
    )
    by_rule.backward({**batch_of(1), "bad": torch.zeros(12, dtype=torch.bool)})
    before = copy.deepcopy(by_rule.state_dict())
    with pytest.raises(NonFinite, match=r"gradient of the training batch is not finite at step 2 \(ids \[1007\]\)"):
        by_rule.backward({**batch_of(1), "bad": torch.arange(12) == 7})
    before.pop("clean"), (after := by_rule.state_dict()).pop("clean")
    assert str(after) == str(before)


def test_a_clean_example_whose_gradient_alone_is_nan():
    model = student().eval()
    by_rule = Reweigher(
        model, losses, clean_loss=losses_with_a_root, rule=L2RW(), clean=[{**batch_of(3), "bad": torch.arange(12) == 2}]
    )
    with pytest.raises(NonFinite, match=r"clean examples with ids \[1002\]"):
        by_rule.weigh(batch_of(1))


def test_a_step_of_the_rules_own_optimizer_that_goes_too_far():
    class Wild(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data.fill_(math.nan)
                    self.state[p]["taken"] = self.state[p].get("taken", 0) + 1

    model = student()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    rule = MetaWeightNet()
    learning = Learning(optimizer=lambda parameters: Wild(parameters, lr=1.0))
    by_rule = Reweigher(model, losses, rule=rule, clean=[batch_of(9)], optimizer=optimizer, learning=learning)
    by_rule.backward(batch_of(1))
    before = copy.deepcopy(rule.net.state_dict())
    optimizer.step()
    with pytest.raises(NonFinite, match="lower Learning"):
        by_rule.after_step()
    torch.testing.assert_close(rule.net.state_dict(), before, rtol=0, atol=0)


def test_masked_logits_of_minus_infinity_are_no_bad_number():
    """A class that is masked out has probability 0: its share of the entropy is 0, not NaN."""

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4))

        def forward(self, x):
            return self.inner(x).index_fill(1, torch.tensor(3), -math.inf)

    model = Masked()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    by_rule = Reweigher(model, losses, rule=DeepInteraction(4), clean=[batch_of(9)], optimizer=optimizer)
    for k in range(2):
        optimizer.zero_grad()
        assert bool((by_rule.backward(batch_of(k)).weights > 0).all())
        optimizer.step()
        by_rule.after_step()


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([f"a/{k}.png" for k in range(12)], "['a/5.png']"),
        (tuple(range(50, 62)), "[55]"),
        ([(k, "x") for k in range(12)], "[(5, 'x')]"),
        ([torch.arange(12), [f"n{k}" for k in range(12)]], "[(5, 'n5')]"),
        (torch.arange(12) * 2, "[10]"),
        (None, "positions [5]"),
        ([1, 2], "positions [5]"),
    ],
)
def test_ids_of_any_kind_are_named(ids, said):
    batch = {**batch_of(1), "id": ids}
    if ids is None:
        del batch["id"]
    by_rule = Reweigher(student().eval(), losses, rule=L2RW(), clean=[batch_of(9)])
    by_rule.weigh(batch)
    nan_input(batch)
    with pytest.raises(NonFinite) as caught:
        by_rule.weigh(batch)
    assert said in str(caught.value)


def on_rank(rank):
    found = {}
    for kind, make, learning in [
        ("l2rw", L2RW, None),
        ("mean", lambda: MetaWeightNet(normalise="mean"), {}),
        ("virtual", MetaWeightNet, {"look_ahead": "virtual"}),
        ("teacher", lambda: DeepInteraction(3), {}),
        ("random", RandomRectified, None),
    ]:
        for spoil in (nan_input, ignored_label) if kind == "teacher" else (nan_input,):
            model = student().eval()
            optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
            more = {} if learning is None else {"optimizer": optimizer, "learning": Learning(**learning)}
            clean = [batch_of(50 + k + 10 * rank, 6) for k in range(6)]
            nan_input(clean[4]) if rank == 0 else None
            wrapped = nn.parallel.DistributedDataParallel(model)
            by_rule = Reweigher(wrapped, losses, rule=make(), clean=clean, **more)
            said = []
            for k in range(6):
                batch = batch_of(k + 10 * rank)
                if k == 2 and rank == 1:
                    spoil(batch)
                optimizer.zero_grad()
                try:
                    by_rule.backward(batch)
                    optimizer.step()
                    by_rule.after_step()
                except (NonFinite, BadInput) as error:
                    said.append((k, type(error).__name__, str(error)))
            found[kind, spoil.__name__] = said, model.state_dict(), by_rule.report.step
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_where_one_rank_has_a_bad_number_all_raise():
    one, two = on_two_ranks(on_rank)
    for kind, (said, weights, step) in one.items():
        others, their_weights, their_step = two[kind]
        assert [(k, name) for k, name, _ in said] == [(k, name) for k, name, _ in others], kind
        assert "another rank" in said[0][2]
        assert "another rank" not in others[0][2]
        if kind[0] == "random":  # needs no clean batch
            assert [k for k, _, _ in said] == [2]
        else:
            assert len(said) == 2
            assert "clean examples with ids" in said[1][2]
        torch.testing.assert_close(weights, their_weights, rtol=0, atol=0)
        assert step == their_step
        assert all(bool(torch.isfinite(t).all()) for t in weights.values() if t.is_floating_point())


@pytest.mark.parametrize("options", [{}, {"skip_zeros": True, "engine": "forward"}])
def test_what_is_found_out_of_engines_is_not_found_out_from_a_bad_batch(options):
    """The first batch is NaN: it must not decide which engine is used, whether it shares passes, nor skips examples."""
    told = []
    for first in (True, False):
        by_rule = Reweigher(student().eval(), losses, rule=L2RW(), clean=[batch_of(9)], **options)
        bad = batch_of(3)
        nan_input(bad)
        if first:
            with pytest.raises(NonFinite):
                by_rule.backward(bad)
        by_rule.backward(batch_of(1))
        told.append(by_rule.explain())
    assert told[0] == told[1]


@pytest.mark.parametrize("engine", ["auto", "forward", "double", "finite"])
@pytest.mark.parametrize("per", ["sequence", "token"])
def test_a_loss_that_is_not_finite_while_its_gradient_is_zero_is_the_examples_fault_at_the_first_batch(per, engine):
    """`masked_fill` cuts the gradient off: to a check of the engine the batch looked sound, and the engine wrong."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(11, 8), nn.Tanh(), nn.Linear(8, 11))

    def loss(module, batch):
        spoilt = module(batch["x"]).masked_fill((batch["x"] == 4)[..., None], math.nan)
        each = nn.functional.cross_entropy(spoilt.flatten(0, 1), batch["y"].flatten(), reduction="none").view(6, 5)
        return each.flatten() if per == "token" else each.mean(1)

    x, y = torch.randint(5, 11, (2, 6, 5)), torch.randint(11, (2, 6, 5))
    x[1, 2, 3] = 4
    reweigher = Reweigher(model, loss, rule=L2RW(), clean=[{"x": x[0], "y": y[0]}], engine=engine)
    with pytest.raises(NonFinite, match=r"positions \[13\]" if per == "token" else r"positions \[2\]"):
        reweigher.weigh({"x": x[1], "y": y[1]})
