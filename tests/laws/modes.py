"""In every mode, and after every change: what was right once is right later, or refused."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

import reference
from laws.bounds import EXACT, error
from laws.exact import rounding
from laws.walk import DIFFERENCES, Walk, copied
from laws.weights import part_of, reweigher
from reweigh import alignments
from reweigh.errors import EngineRefused
from zoo import Case
from zoo.case import B, to_dtype


def right_in_mode(case: Case, engine: str, training: bool) -> None:
    """Alignments in train or in eval mode are those of the loop, or the engine refuses."""
    scene, twin = case.build(), case.build()
    scene.model.train(training)
    reference.bare(twin.model).train(training)
    direction = reference.random_direction(scene.model)
    try:
        torch.manual_seed(1)
        found = alignments(scene.model, scene.per_example_loss, scene.train, direction, engine=engine)
    except EngineRefused:
        return
    torch.manual_seed(1)
    truth = reference.loop_alignments(*twin[:3], direction, by_backward=case.by_backward)
    allowed = EXACT[torch.float64]
    if engine in ("finite", "auto"):
        allowed = DIFFERENCES + rounding(case, torch.float64) / float(truth.abs().max())
    off = error(found, truth)
    assert off <= allowed, f"off by {off:.1e} of the largest value, {allowed:.0e} allowed"


@contextmanager
def frozen(layer: nn.Module | None) -> Iterator[None]:
    """The layer's own parameters are not trained within the block."""
    those = [p for p in layer.parameters(recurse=False) if p.requires_grad] if layer is not None else []
    for p in those:
        p.requires_grad_(False)
    yield
    for p in those:
        p.requires_grad_(True)


def trained_layers(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if any(p.requires_grad for p in part.parameters(recurse=False))]


def other_batch(case: Case, n: int, sample: Callable[[int], Any] | None = None) -> Any:
    """Another n examples, perhaps of other inner sizes."""
    return torch.utils._pytree.tree_map(lambda t: to_dtype(t, torch.float64), (sample or case.sample)(n))


def right_after_every_change(case: Case) -> None:
    """Eval to train and back, batches of other sizes, layers frozen and thawed, another loss: right, or refused."""
    torch.manual_seed(5)
    walk = Walk(case)
    scene, module = walk.scene, walk.module
    module.train(not case.train_mode)
    walk.weigh("first, in the other mode", scene.train)
    module.train(case.train_mode)
    walk.weigh("in the usual mode", scene.train)
    walk.backward("in the usual mode, backward", scene.train)
    walk.backward("after a step", other_batch(case, B))
    if case.other_sizes is not None:
        walk.weigh("other inner sizes", other_batch(case, B, case.other_sizes))
        walk.backward("other inner sizes, backward", other_batch(case, B, case.other_sizes))
    walk.backward("five examples", scene.clean)
    walk.weigh("four examples", part_of(scene.train, slice(0, 4)))
    module.train(not case.train_mode)
    walk.backward("in the other mode again", scene.train)
    module.train(case.train_mode)
    for place in (
        (0, -1) if case.wrap is None else ()
    ):  # DistributedDataParallel wants to know what is trained beforehand
        layers = trained_layers(module)
        with frozen(layers[place] if len(layers) > 1 else None):
            walk.backward(f"layer {place} frozen", scene.train)
    walk.weigh("all thawed", scene.train)
    walk.backward("all thawed, backward", scene.train)
    assert not walk.wrong, "\n".join(walk.wrong)


def right_for_every_loss(case: Case) -> None:
    """The same model under losses that come and go, some of which couple the examples: a check is of one loss object."""
    scene = case.build()
    module = reference.bare(scene.model)
    direction = reference.random_direction(module)

    def plain() -> Callable[..., Tensor]:
        return lambda model, batch: scene.per_example_loss(model, batch)

    def coupled() -> Callable[..., Tensor]:
        def loss(model: nn.Module, batch: Any) -> Tensor:
            losses = scene.per_example_loss(model, batch)
            return losses * (1 + losses.mean())

        return loss

    wrong = []
    for turn in range(6):
        loss = (coupled if turn % 2 else plain)()
        truth = reference.loop_alignments(copied(module), loss, scene.train, direction)
        try:
            found = alignments(scene.model, loss, scene.train, direction)
        except EngineRefused:
            continue
        finally:
            del loss
            gc.collect(0)
        off = error(found, truth)
        if off > DIFFERENCES + rounding(case, torch.float64) / float(truth.abs().max()):
            wrong.append(f"loss {turn} ({'coupled' if turn % 2 else 'plain'}): off by {off:.1e}")
    assert not wrong, "\n".join(wrong)


def right_under_autocast_and_after(case: Case) -> None:
    """float32, then bfloat16 by autocast, then float32: each right as far as its arithmetic goes, or refused."""
    scene = case.build(dtype=torch.float32)
    module = reference.bare(scene.model)
    by_rule = reweigher(scene, "auto")
    wrong = []
    for turn, low in enumerate((False, True, False, True)):
        twin = copied(module)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            direction = reference.loop_clean_direction(copied(twin), scene.per_example_loss, scene.clean)
            truth = reference.loop_alignments(twin, scene.per_example_loss, scene.train, direction)
            try:
                by_rule.weigh(scene.train)
            except EngineRefused:
                continue
        off = error(by_rule.report.alignments, truth)
        if off > (0.1 if low else case.curved):
            wrong.append(f"turn {turn} ({'bfloat16' if low else 'float32'}): off by {off:.1e}; {by_rule.explain()}")
    assert not wrong, "\n".join(wrong)
