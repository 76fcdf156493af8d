"""Random small models against a loop over examples: every engine by name, and "auto" through batches of changing kinds.

    python -m benchmarks.torture --parts models --seed 17 --scale 0.1
    python -m benchmarks.torture.models 4711                # one seed again, in words

An answer that is off by more than its arithmetic and its engine explain, without a refusal, is wrong.
"""

import sys
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.torture.networks import Batch, Recipe, Stage, recipe
from reweigh import L2RW, Reweigher, alignments, clean_direction
from reweigh.errors import EngineRefused

ENGINES = ("ghost", "forward", "finite", "double", "auto")
ALLOWED = {torch.float64: {"exact": 1e-7, "difference": 1e-4}, torch.float32: {"exact": 1e-2, "difference": 5e-2}}
CLEAN = 7
Finding = dict[str, Any]


def run(seed: int, count: int) -> dict[str, Any]:
    """So many models, from this seed on: how many answers were tried and refused, and those that were wrong."""
    totals: dict[str, Any] = {"tried": 0, "models": 0, "refused": 0, "wrong": []}
    for number in range(seed, seed + count):
        found = Trial(recipe(number)).run()
        totals["models"] += 1
        totals["tried"] += found.tried
        totals["refused"] += found.refused
        totals["wrong"] += found.wrong
    return totals


class Trial:
    """One random model under all engines."""

    def __init__(self, of: Recipe) -> None:
        self.recipe = of
        self.tried = self.refused = 0
        self.wrong: list[Finding] = []

    def run(self) -> "Trial":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for engine in ENGINES:
                self._at_once(engine, self.recipe.stages[0])
            self._through_changes()
        return self

    def _at_once(self, engine: str, stage: Stage) -> None:
        model = self.recipe.model().train(stage.training)
        batch = self.recipe.batch(stage.size, stage.length, 0)
        source = torch.Generator().manual_seed(self.recipe.seed)
        direction = {n: torch.randn(p.shape, generator=source).to(p) for n, p in model.named_parameters()}
        twin = self._twin(model)
        try:
            found = alignments(model, self.recipe.loss, batch, direction, engine=engine)
        except EngineRefused:
            self.refused += 1
            return
        self._hold(f"first batch, {engine}", engine, found, *self._truth(twin, batch, direction), stage)

    def _through_changes(self) -> None:
        """One Reweigher by "auto"; every other kind of batch trains the model, so that zero heads come to life."""
        model, first = self.recipe.model(), self.recipe.stages[0]
        clean = self.recipe.batch(CLEAN, first.length, 99)
        by_rule = Reweigher(model, self.recipe.loss, rule=L2RW(), clean=[clean])
        optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
        for number, stage in enumerate(self.recipe.stages):
            batch = self.recipe.batch(stage.size, stage.length, number)
            model.train(stage.training)
            twin = self._twin(model)
            optimizer.zero_grad()
            try:
                weights = by_rule.backward(batch).weights if stage.trains else by_rule.weigh(batch)
            except EngineRefused:
                self.refused += 1
                continue
            direction = clean_direction(twin, self.recipe.loss, clean)
            report, truth = by_rule.report, self._truth(twin, batch, direction)
            assert report is not None
            assert report.alignments is not None
            engine = by_rule.explain().splitlines()[0]
            self._hold(f"batch {number}, {engine}", "auto", report.alignments, *truth, stage)
            if stage.trains:
                self._hold_gradients(f"batch {number}, {engine}", twin, model, batch, weights, stage)
                optimizer.step()

    def _twin(self, model: nn.Module) -> nn.Module:
        """Made anew, so that nothing that the library does can touch it."""
        twin = self.recipe.model()
        twin.load_state_dict(model.state_dict())
        return twin.train(model.training)

    def _truth(self, model: nn.Module, batch: Batch, direction: dict[str, Tensor]) -> tuple[Tensor, float]:
        """The alignments by one backward pass an example, and the scale of what was added up for them."""
        params = dict(model.named_parameters())
        found, size = [], 0.0
        norm = float(torch.stack([v.double().norm() for v in direction.values()]).norm())
        for loss in self.recipe.loss(model, batch):
            grads = torch.autograd.grad(loss, list(params.values()), retain_graph=True, allow_unused=True)
            pairs = [(g.double(), direction[n].double()) for n, g in zip(params, grads, strict=True) if g is not None]
            found.append(torch.stack([(g * v).sum() for g, v in pairs]).sum())
            size = max(size, norm * float(torch.stack([g.norm() for g, _ in pairs]).norm()))
        return torch.stack(found), size

    def _hold(self, what: str, engine: str, found: Tensor, truth: Tensor, size: float, stage: Stage) -> None:
        """Against the largest true value; where the parts of all cancel, against a hundredth of their size."""
        self.tried += 1
        if found.shape != truth.shape:
            self._say(what, float("inf"), stage)
            return
        scale = max(float(truth.abs().max()), 1e-2 * size, 1e-12)
        off = float((found.double() - truth).abs().max()) / scale
        kind = "exact" if engine in ("ghost", "forward", "double") else "difference"
        if not off <= ALLOWED[self.recipe.dtype][kind]:
            self._say(what, off, stage)

    def _hold_gradients(
        self, what: str, twin: nn.Module, model: nn.Module, batch: Batch, weights: Tensor, stage: Stage
    ) -> None:
        params = list(twin.parameters())
        total = (self.recipe.loss(twin, batch) * weights).sum()
        expected = torch.autograd.grad(total, params, allow_unused=True, materialize_grads=True)
        both = [
            (torch.zeros_like(e) if p.grad is None else p.grad, e)
            for p, e in zip(model.parameters(), expected, strict=True)
        ]
        found, truth = (torch.cat([pair[k].flatten() for pair in both]) for k in (0, 1))
        self._hold(f"gradients of {what}", "ghost", found, truth.double(), 0.0, stage)

    def _say(self, what: str, off: float, stage: Stage) -> None:
        self.wrong.append(
            {
                "seed": self.recipe.seed,
                "what": what,
                "off": float(f"{off:.2g}"),
                "examples": stage.size,
                "steps": stage.length if self.recipe.series else None,
                "mode": "train" if stage.training else "eval",
                "model": str(self.recipe),
            }
        )


if __name__ == "__main__":
    for asked in map(int, sys.argv[1:]):
        trial = Trial(recipe(asked)).run()
        print(trial.recipe, f"\n  {trial.tried} tried, {trial.refused} refused", *trial.wrong, sep="\n  ")
