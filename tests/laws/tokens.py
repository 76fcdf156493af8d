"""Weights of tokens: each law held against a loop over tokens in float64, or against the same loss given flat."""

import functools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import reference
from laws.bounds import assert_close, assert_same_weights, bound
from reweigh import Reweigher, alignments
from reweigh.errors import EngineRefused
from reweigh.rules import L2RW, Rule
from zoo import Case, Scene

LossOfPairs = Any


def flat(loss: LossOfPairs, model: nn.Module, batch: Any) -> Tensor:
    """The tokens that count in a row, as losses of as many examples."""
    losses, counts = loss(model, batch)
    return losses[counts]


def summed(loss: LossOfPairs, model: nn.Module, batch: Any) -> Tensor:
    """The sum over each example's tokens that count."""
    losses, counts = loss(model, batch)
    return torch.where(counts, losses, 0.0).sum(1)


def counts_of(scene: Scene) -> Tensor:
    return scene.per_example_loss(scene.model, scene.train)[1]


def by(scene: Scene, engine: str = "auto", rule: Rule | None = None, **options: Any) -> Reweigher:
    options = {"per": "token", "clean": [scene.clean], **options}
    return Reweigher(scene.model, scene.per_example_loss, rule=rule or L2RW(), engine=engine, **options)


def of_tokens(case: Case, engine: str, per: str = "token") -> Tensor:
    scene = case.build()
    direction = reference.random_direction(scene.model)
    return alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine, per=per)


def tokens_agree_with_the_loop(case: Case, engine: str) -> None:
    """One backward pass for each token that counts; nothing where none does."""
    found, twin = of_tokens(case, engine), case.build()
    direction, counts = reference.random_direction(twin.model), counts_of(twin)
    loop = reference.loop_alignments(twin.model, functools.partial(flat, twin.per_example_loss), twin.train, direction)
    assert found.shape == counts.shape
    assert not found[~counts].any()
    assert_close(found[counts], loop, bound(case, engine))


def tokens_add_up_to_their_example(case: Case, engine: str) -> None:
    """The alignment of a sum is the sum of alignments; that of a mean, which `per="example"` takes, their mean."""
    found, scene = of_tokens(case, engine), case.build()
    direction, counts = reference.random_direction(scene.model), counts_of(scene)
    whole = functools.partial(summed, scene.per_example_loss)
    of_sums = alignments(scene.model, whole, scene.train, direction, engine=engine)
    assert_close(found.sum(1), of_sums, bound(case, engine))
    assert_close(found.sum(1) / counts.sum(1), of_tokens(case, engine, per="example"), bound(case, engine))


def ghost_refuses_tokens(case: Case) -> None:
    with pytest.raises(EngineRefused, match=r"sums over an example.*engine='forward' works"):
        of_tokens(case, "ghost")


def pads_change_nothing(case: Case, engine: str) -> None:
    """Whatever stands where no token counts, and however far the batch is filled up."""
    scene, twin = case.build(), case.build()
    counts, expected = counts_of(scene), by(scene, engine).weigh(scene.train)
    other = {name: t.clone() for name, t in twin.train.items()}
    other["counts"] = counts
    last = counts.long().cumsum(1).argmax(1)  # what comes behind the last token that counts is seen by none
    behind = torch.arange(counts.shape[1]) > last[:, None]
    other["target"][behind] = 3
    assert_close(by(twin, engine).weigh(other), expected, 10 * bound(case, engine))


def zero_weight_is_an_absent_token(case: Case, engine: str) -> None:
    """Without the tokens that got nothing, the others have the same weights and the step is the same."""
    whole, smaller = case.build(), case.build()
    _, weights = by(whole, engine).backward(whole.train)
    kept = weights > 0
    assert 0 < int(kept.sum()) < int(counts_of(whole).sum())
    _, some = by(smaller, engine).backward({**smaller.train, "counts": kept})
    assert_close(some, weights, 10 * bound(case, engine))
    for left, right in zip(whole.model.parameters(), smaller.model.parameters(), strict=True):
        torch.testing.assert_close(right.grad, left.grad, rtol=1e-5, atol=1e-8)


def weights_are_those_of_flat_losses(case: Case, engine: str, rule: Any, **options: Any) -> None:
    """A rule gives a token what it would give an example of that loss, over steps in which it learns too."""
    found = []
    for as_pairs in (True, False):
        scene = case.build()
        optimizer = torch.optim.SGD(scene.model.parameters(), lr=0.3, momentum=0.5)
        given = {name: value(optimizer) if callable(value) else value for name, value in options.items()}
        reweigher = by(scene, engine, rule(), **given)
        if not as_pairs:
            whole = functools.partial(flat, scene.per_example_loss)
            reweigher = Reweigher(scene.model, whole, rule=rule(), clean=[scene.clean], engine=engine, **given)
        steps = []
        for _ in range(3):
            optimizer.zero_grad()
            losses, weights = reweigher.backward(scene.train)
            optimizer.step()
            reweigher.after_step()
            counts = counts_of(scene)
            if as_pairs:
                assert losses.shape == weights.shape == counts.shape
                assert not losses[~counts].any()
                assert not weights[~counts].any()
            steps.append(weights[counts] if as_pairs else weights)
        found.append(steps)
    for one, other in zip(*found, strict=True):
        assert_same_weights(one, other, 1e-12)


def apart_is_together(case: Case, engine: str) -> None:
    """`weigh` and a backward pass of one's own, over losses as they come, do what `backward` does."""
    scene, twin = case.build(), case.build()
    losses, _ = twin.per_example_loss(twin.model, twin.train)
    weights = by(twin, engine).weigh(twin.train)
    losses.backward(weights)
    _, fused = by(scene, engine).backward(scene.train)
    assert_close(fused, weights, 10 * bound(case, engine))
    for left, right in zip(scene.model.parameters(), twin.model.parameters(), strict=True):
        torch.testing.assert_close(left.grad, right.grad, rtol=1e-5, atol=1e-8)
