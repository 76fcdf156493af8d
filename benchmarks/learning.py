"""Student steps under a rule that learns, by this library and by others: the variants of `benchmarks.learning_cost`.

All of them train the same student by SGD with momentum on Meta-Weight-Net's weights (Shu et al. 2019; the teacher's rows: on
its own), and the weight network by Adam on the derivative of the clean loss after K of the student's steps, once in K steps.
`higher` and TorchOpt keep the graph of those K steps; Betty approximates the derivative by finite differences (its "darts",
K = 1).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.tasks import CLASSES, Task, make_batches, make_model, per_example_loss
from reweigh import DeepInteraction, Learning, MetaWeightNet, Reweigher
from reweigh.rules import LearnedRule

LR, MOMENTUM = 0.01, 0.9


@dataclass
class Variant:
    """`run()` takes `steps` of the student's steps."""

    run: Callable[[], None]
    steps: int = 1


def plain(task: Task) -> Variant:
    """No weights."""
    model, (batch, _) = make_model(task), make_batches(task)
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)

    def run() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(per_example_loss(model, batch).mean())
        optimizer.step()

    return Variant(run)


def ours(make: Callable[[], LearnedRule], **settings: Any) -> Callable[[Task], Variant]:
    """By `Reweigher`, K steps a run."""
    learning = Learning(**settings)

    def variant(task: Task) -> Variant:
        model, (batch, clean) = make_model(task), make_batches(task)
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        reweigher = Reweigher(
            model, per_example_loss, rule=make(), clean=[clean], optimizer=optimizer, learning=learning
        )

        def run() -> None:
            for _ in range(learning.horizon):
                optimizer.zero_grad()
                reweigher.backward(batch)
                optimizer.step()
                reweigher.after_step()

        return Variant(run, learning.horizon)

    return variant


class WeightNet(nn.Module):
    """Meta-Weight-Net's network, for the others: losses (B,) to weights (B,) over B."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())

    def forward(self, losses: Tensor) -> Tensor:
        weights: Tensor = self.body(losses.detach()[:, None])[:, 0] / len(losses)
        return weights


def with_higher(steps: int) -> Callable[[Task], Variant]:
    """`higher`: K steps of a patched copy, whose parameters then become the student's."""

    def variant(task: Task) -> Variant:
        import higher  # type: ignore[import-untyped]

        model, (batch, clean), net = make_model(task), make_batches(task), WeightNet()
        optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
        teaching = torch.optim.Adam(net.parameters(), lr=1e-3)

        def run() -> None:
            with sdpa_kernel(SDPBackend.MATH), higher.innerloop_ctx(model, optimizer) as (patched, inner):
                for _ in range(steps):
                    losses = per_example_loss(patched, batch)
                    inner.step((net(losses) * losses).sum())
                teaching.zero_grad()
                torch.autograd.backward(per_example_loss(patched, clean).mean(), inputs=list(net.parameters()))
                with torch.no_grad():
                    for p, q in zip(model.parameters(), patched.parameters(time=-1), strict=True):
                        p.copy_(q)
            teaching.step()

        return Variant(run, steps)

    return variant


def with_torchopt(steps: int) -> Callable[[Task], Variant]:
    """TorchOpt: K differentiable steps of the student itself, whose graph is then cut."""

    def variant(task: Task) -> Variant:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import torchopt

        model, (batch, clean), net = make_model(task), make_batches(task), WeightNet()
        inner, teaching = torchopt.MetaSGD(model, lr=LR, momentum=MOMENTUM), torch.optim.Adam(net.parameters(), lr=1e-3)

        def run() -> None:
            with sdpa_kernel(SDPBackend.MATH):
                for _ in range(steps):
                    losses = per_example_loss(model, batch)
                    inner.step((net(losses) * losses).sum())
                teaching.zero_grad()
                torch.autograd.backward(per_example_loss(model, clean).mean(), inputs=list(net.parameters()))
            teaching.step()
            torchopt.stop_gradient(model)
            torchopt.stop_gradient(inner)

        return Variant(run, steps)

    return variant


def with_betty(task: Task) -> Variant:
    """Betty: one student step and one of the weight network's, the derivative approximated by a finite difference."""
    from betty.configs import Config, EngineConfig  # type: ignore[import-untyped]
    from betty.engine import Engine  # type: ignore[import-untyped]
    from betty.problems import ImplicitProblem  # type: ignore[import-untyped]

    model, (batch, clean), net = make_model(task), make_batches(task), WeightNet()

    class Outer(ImplicitProblem):  # type: ignore[misc]
        def training_step(self, _: Any) -> Tensor:
            return per_example_loss(self.inner.module, clean).mean()

    class Inner(ImplicitProblem):  # type: ignore[misc]
        def training_step(self, _: Any) -> Tensor:
            losses = per_example_loss(self.module, batch)
            return (self.outer.module(losses) * losses).sum()

    def problem(kind: Any, name: str, module: nn.Module, optimizer: Any, config: Any) -> Any:
        data = [torch.zeros(1)]  # the problems bring their own, fixed batches
        return kind(name=name, module=module, optimizer=optimizer, train_data_loader=data, config=config, device="cpu")

    inner_optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=MOMENTUM)
    outer = problem(
        Outer, "outer", net, torch.optim.Adam(net.parameters(), lr=1e-3), Config(type="darts", retain_graph=True)
    )
    inner = problem(Inner, "inner", model, inner_optimizer, Config(type="darts", unroll_steps=1))
    engine = Engine(
        config=EngineConfig(train_iters=1, logger_type="none"),
        problems=[outer, inner],
        dependencies={"l2u": {inner: [outer]}, "u2l": {outer: [inner]}},
    )

    def run() -> None:
        engine.global_step = getattr(engine, "global_step", 0) + 1
        engine.train_step()

    return Variant(run)


VARIANTS: dict[str, Callable[[Task], Variant]] = {
    "plain": plain,
    "Meta-Weight-Net, K = 1": ours(MetaWeightNet),
    "Meta-Weight-Net, virtual step": ours(MetaWeightNet, look_ahead="virtual-sgd"),
    "teacher, K = 1": ours(lambda: DeepInteraction(CLASSES)),
    "Meta-Weight-Net, K = 5": ours(MetaWeightNet, horizon=5),
    "teacher, K = 5": ours(lambda: DeepInteraction(CLASSES), horizon=5),
    "higher, K = 1": with_higher(1),
    "higher, K = 5": with_higher(5),
    "TorchOpt, K = 1": with_torchopt(1),
    "TorchOpt, K = 5": with_torchopt(5),
    "Betty, finite difference, K = 1": with_betty,
}
