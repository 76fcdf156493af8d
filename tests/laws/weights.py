"""Weights: what follows for a rule's weights and the training step that is made with them."""

import functools
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

import reference
from laws.bounds import assert_close, bound
from reweigh import L2RW, Reweigher
from reweigh.rules import Rule
from zoo import Case, Scene


class Ones(Rule):
    """Every example counts fully. With `needs` empty nothing but the ordinary pass is run."""

    name: ClassVar[str] = "ones"
    needs: ClassVar[frozenset[str]] = frozenset()

    def weigh(self, evidence: Any) -> Tensor:
        return evidence.like.new_ones(evidence.size)


class OnesFromLosses(Ones):
    needs: ClassVar[frozenset[str]] = frozenset({"losses"})


class OnesFromAlignments(Ones):
    needs: ClassVar[frozenset[str]] = frozenset({"losses", "alignments"})


def reweigher(scene: Scene, engine: str, rule: Rule | None = None, clean: Any = None, **options: Any) -> Reweigher:
    return Reweigher(
        scene.model,
        scene.per_example_loss,
        rule=rule or L2RW(),
        clean=[scene.clean] if clean is None else clean,
        engine=engine,
        **options,
    )


def part_of(batch: Any, rows: Any) -> Any:
    return tree_map(lambda leaf: leaf[rows] if isinstance(leaf, Tensor) else leaf, batch)


def size(batch: Any) -> int:
    return len(tree_leaves(batch)[0])


def trained_plainly(scene: Scene, steps: int) -> None:
    optimizer = torch.optim.SGD(scene.model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        scene.per_example_loss(scene.model, scene.train).sum().backward()
        optimizer.step()


def trained_with_ones(scene: Scene, steps: int, engine: str, rule: Rule, fused: bool) -> None:
    optimizer = torch.optim.SGD(scene.model.parameters(), lr=0.05, momentum=0.9)
    by_rule = reweigher(scene, engine, rule)
    for _ in range(steps):
        optimizer.zero_grad()
        if fused:
            by_rule.backward(scene.train)
        else:
            weights = by_rule.weigh(scene.train)
            scene.per_example_loss(scene.model, scene.train).backward(weights)
        optimizer.step()


def weights_of_one_are_plain_training(case: Case, engine: str, rule: Rule, fused: bool, bitwise: bool) -> None:
    """Parameters, buffers and the generators after some steps are those of the loop without reweigh."""
    plain, weighted = case.build(), case.build()
    torch.manual_seed(2)
    trained_plainly(plain, steps=3)
    generator = torch.get_rng_state()
    torch.manual_seed(2)
    trained_with_ones(weighted, 3, engine, rule, fused)
    assert torch.equal(torch.get_rng_state(), generator)
    left, right = plain.model.state_dict(), weighted.model.state_dict()
    assert list(left) == list(right)
    for name, value in left.items():
        if bitwise:
            assert torch.equal(value, right[name]), name
        else:
            torch.testing.assert_close(right[name], value, rtol=1e-9, atol=1e-9, msg=name)


@functools.cache
def telling_seed(case: Case) -> int:
    """A seed for which the loop over examples gives at least two of them weight and at least one none."""
    for seed in range(30):
        scene = case.build(seed)
        direction = reference.loop_clean_direction(*scene[:2], scene.clean)
        along = reference.loop_alignments(*scene[:3], direction)
        if 2 <= int((along > 0).sum()) < len(along) and float(along.abs().min()) > 1e-3 * float(along.abs().max()):
            return seed
    raise AssertionError("no seed gives both zero and positive weights")


def zero_weight_is_absence(case: Case, engine: str) -> None:
    """Without the examples that got nothing, the others get the same weights and the step is the same."""
    assert not case.mixes_examples
    assert not case.random
    whole, smaller = case.build(telling_seed(case)), case.build(telling_seed(case))
    _, all_weights = reweigher(whole, engine).backward(whole.train)
    rows = all_weights.nonzero().flatten()
    assert 0 < len(rows) < len(all_weights)
    _, some_weights = reweigher(smaller, engine).backward(part_of(smaller.train, rows))
    assert_close(some_weights, all_weights[rows], 10 * bound(case, engine))
    for left, right in zip(whole.model.parameters(), smaller.model.parameters(), strict=True):
        if left.grad is None or right.grad is None:
            assert left.grad is right.grad
        else:
            scale = {"rtol": 0, "atol": 10 * bound(case, engine) * max(1.0, float(left.grad.to_dense().abs().max()))}
            torch.testing.assert_close(right.grad.to_dense(), left.grad.to_dense(), **scale)


def permuting_permutes(case: Case, engine: str) -> None:
    """Weights belong to examples, not to places in the batch."""
    assert not case.random
    scene, twin = case.build(telling_seed(case)), case.build(telling_seed(case))
    order = torch.randperm(size(scene.train), generator=torch.Generator().manual_seed(3))
    straight = reweigher(scene, engine).weigh(scene.train)
    shuffled = reweigher(twin, engine).weigh(part_of(twin.train, order))
    assert_close(shuffled, straight[order], 10 * bound(case, engine))


def scale_of_clean_loss_is_free(case: Case, engine: str, scale: float) -> None:
    """L2RW's weights sum to one, so the unit in which the clean loss is measured drops out."""

    def scaled(model: nn.Module, batch: Any) -> Tensor:
        return batch["times"] * case.per_example_loss(model, batch["batch"])

    def weights(times: float) -> Tensor:
        scene = case.build(telling_seed(case))
        clean = [{"times": times, "batch": scene.clean}]
        torch.manual_seed(4)
        return reweigher(scene._replace(per_example_loss=scaled), engine, clean=clean).weigh(
            {"times": 1.0, "batch": scene.train}
        )

    assert_close(weights(scale), weights(1.0), 10 * bound(case, engine))


@functools.cache
def unrolled(case: Case) -> Tensor:
    """The weights of algorithm 1 with the look-ahead step differentiated twice."""
    return reference.unrolled_l2rw(*case.build(telling_seed(case)), reference.sgd_step(lr=0.1))


def agrees_with_unrolling(case: Case, engine: str, allowed: float) -> None:
    """L2RW's weights are those that the papers' way gives, though no graph of the step is ever built."""
    scene = case.build(telling_seed(case))
    found = reweigher(scene, engine).weigh(scene.train)
    assert_close(found, unrolled(case), allowed)
    assert float(found.sum()) == pytest.approx(1.0, abs=1e-6)
