"""L2RW's weights by Betty: ε is the outer problem's parameter, the student's look-ahead step the inner problem.

Betty 0.1.1 (`pip install --no-deps betty-ml`) approximates ∂L_clean/∂ε by a finite difference, its "darts". The inner step
at ε = 0 leaves the student where it is; the outer one, SGD with a learning rate of one, leaves the negative gradient in ε.
Its difference quotient does not put the parameters back to the bit, so they are put back here.
"""

import weakref
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.others import LOOK_AHEAD, normalise
from benchmarks.tasks import Batch, per_example_loss

_engines: weakref.WeakKeyDictionary[nn.Module, tuple[Any, nn.Parameter]] = weakref.WeakKeyDictionary()


def with_betty(model: nn.Module, batch: Batch, clean: Batch) -> Tensor:
    """Weights (B,), by one step of Betty's engine."""
    if model not in _engines:
        _engines[model] = _build(model, batch, clean)
    engine, epsilon = _engines[model]
    parameters = list(model.parameters())
    before = [p.detach().clone() for p in parameters]
    with torch.no_grad():
        epsilon.zero_()
    engine.global_step += 1
    engine.train_step()
    with torch.no_grad():
        torch._foreach_copy_(parameters, before)
    return normalise(-epsilon.detach())


def _build(model: nn.Module, batch: Batch, clean: Batch) -> tuple[Any, nn.Parameter]:
    from betty.configs import Config, EngineConfig  # type: ignore[import-untyped]
    from betty.engine import Engine  # type: ignore[import-untyped]
    from betty.problems import ImplicitProblem  # type: ignore[import-untyped]

    class Outer(ImplicitProblem):  # type: ignore[misc]
        def training_step(self, _: Any) -> Tensor:
            return per_example_loss(self.inner.module, clean).mean()

    class Inner(ImplicitProblem):  # type: ignore[misc]
        def training_step(self, _: Any) -> Tensor:
            weighted: Tensor = self.outer.module.epsilon * per_example_loss(self.module, batch)
            return weighted.sum()

    perturbations = nn.Module()
    epsilon = nn.Parameter(torch.zeros(len(batch["y"]), device=batch["y"].device))
    perturbations.register_parameter("epsilon", epsilon)
    common = {"train_data_loader": [torch.zeros(1)], "device": batch["y"].device}
    outer = Outer(
        name="outer", module=perturbations, optimizer=torch.optim.SGD([epsilon], lr=1.0),
        config=Config(type="darts", retain_graph=True), **common,
    )  # fmt: skip
    inner = Inner(
        name="inner", module=model, optimizer=torch.optim.SGD(model.parameters(), lr=LOOK_AHEAD),
        config=Config(type="darts", unroll_steps=1), **common,
    )  # fmt: skip
    engine = Engine(
        config=EngineConfig(train_iters=1, logger_type="none"),
        problems=[outer, inner],
        dependencies={"l2u": {inner: [outer]}, "u2l": {outer: [inner]}},
    )
    engine.global_step = 0
    return engine, epsilon
