"""In every mode, and after every change: what was right once is right later, or refused."""

import copy
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

import reference
from laws.bounds import EXACT, error
from laws.exact import rounding
from laws.weights import part_of, reweigher
from reweigh import Reweigher, alignments
from reweigh.errors import EngineRefused
from zoo import Case
from zoo.case import B, to_dtype

DIFFERENCES = 2e-6
"""Allowed in float64, where "auto" may take differences: they truncate by 1e-6 at most."""


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


class Walk:
    """One model and one Reweigher by engine="auto" through many changes, each batch held against the loop.

    The truth is computed on a copy, taken before the library sees the batch; `wrong` and `refused` say what went how.
    """

    def __init__(self, case: Case) -> None:
        self.case, self.scene = case, case.build()
        self.module = reference.bare(self.scene.model)
        self.by_rule: Reweigher = reweigher(self.scene, "auto")
        self.wrong: list[str] = []
        self.refused: list[str] = []

    def weigh(self, stage: str, batch: Any) -> None:
        self._held(stage, batch, lambda: self.by_rule.weigh(batch), trains=False)

    def backward(self, stage: str, batch: Any) -> None:
        """The fused pass, its gradients too, and a step with them: layers that began at zero leave it."""
        self._held(stage, batch, lambda: self.by_rule.backward(batch).weights, trains=True)
        with torch.no_grad():
            for p in self.module.parameters():
                if p.grad is not None:
                    p.sub_(p.grad.to_dense(), alpha=0.3)
                    p.grad = None

    def _held(self, stage: str, batch: Any, call: Callable[[], Tensor], trains: bool) -> None:
        twin = copied(self.module)
        try:
            weights = call()
        except EngineRefused as refused:
            self.refused.append(f"{stage}: {refused}")
            return
        loss, report = self.scene.per_example_loss, self.by_rule.report
        direction = reference.loop_clean_direction(copied(twin), loss, self.scene.clean)
        learner = copied(twin)
        truth = reference.loop_alignments(twin, loss, batch, direction)
        self._compare(f"{stage}: alignments", report.alignments, truth)
        if float(truth.abs().max()) > 1e-9:
            self._compare(f"{stage}: weights", weights, reference.l2rw_weights(truth))
        if trains:
            losses = loss(learner, batch)
            expected = reference.gradients(learner, (losses * weights).sum())
            found = {n: p.grad.to_dense() for n, p in reference.trained(self.module).items() if p.grad is not None}
            stray = [n for n in found if n not in expected]
            gathered = torch.cat(
                [reference.as_real(found.get(n, torch.zeros_like(g))).flatten() for n, g in expected.items()]
            )
            self._compare(
                f"{stage}: gradients", gathered, torch.cat([reference.as_real(g).flatten() for g in expected.values()])
            )
            assert not stray, f"{stage}: frozen parameters have gradients: {stray}"

    def _compare(self, what: str, found: Tensor, truth: Tensor) -> None:
        """Along a clean gradient rounding is no matter; where the truth is zero, so must be what was found."""
        largest = float(truth.abs().max())
        off = float((found - truth).abs().max()) / (largest or 1.0)
        if found.shape != truth.shape or not off <= DIFFERENCES:
            engine = self.by_rule.explain().splitlines()[0]
            self.wrong.append(f"{what} off by {off:.1e} ({engine})")


def copied(module: nn.Module) -> nn.Module:
    """A deep copy; activations that a module kept are copied without their graph, which cannot be."""
    kept = [v for part in module.modules() for v in vars(part).values() if isinstance(v, Tensor) and not v.is_leaf]
    twin = copy.deepcopy(module, {id(value): value.detach().clone() for value in kept})
    twin.zero_grad(set_to_none=True)
    return twin


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
