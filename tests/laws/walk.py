"""One model and one Reweigher on a walk through changes, every batch held against the loop."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import reference
from laws.weights import reweigher
from reweigh import Reweigher
from reweigh.errors import EngineRefused
from zoo import Case

DIFFERENCES = 2e-6
"""Allowed in float64, where "auto" may take differences: they truncate by 1e-6 at most."""


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
            self._hold_gradients(stage, learner, batch, weights)

    def _hold_gradients(self, stage: str, learner: nn.Module, batch: Any, weights: Tensor) -> None:
        expected = reference.gradients(learner, (self.scene.per_example_loss(learner, batch) * weights).sum())
        found = {name: p.grad.to_dense() for name, p in self.module.named_parameters() if p.grad is not None}
        assert not found.keys() - expected.keys(), f"{stage}: frozen parameters have gradients"
        both = [(found.get(name, torch.zeros_like(g)), g) for name, g in expected.items()]
        left, right = (torch.cat([reference.as_real(pair[k]).flatten() for pair in both]) for k in (0, 1))
        self._compare(f"{stage}: gradients", left, right)

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
