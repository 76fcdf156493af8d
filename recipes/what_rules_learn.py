"""Pictures of what rules learn: docs/images/weight_curves.png and docs/images/teacher_weights.png.

    python recipes/what_rules_learn.py --data-root DATA        # a few minutes on two cores

Left to right in the first: Meta-Weight-Net's one curve from loss to weight, and CMW-Net's curves by class size, each after
training on MNIST with 40 % of the labels flipped to one class (task mnist-background-40 of `noisy_labels.py`). The second:
the mean weight that examples with right and with wrong labels get over training, by a teacher that sees the surface only and
by one that reads internal states, on MNIST with 40 % of the labels flipped to the next class (mnist-pair-40). One seed each.
"""

import argparse
import functools
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

import noisy_labels as recipe
from noisy_labels import STEPS, Job
from reweigh.rules import ClassAwareWeightNet, Evidence, LearnedRule
from runs import save

BLUE, ORANGE, GREY = "#1f5fa8", "#d1600b", "#767676"
WINDOW = 20


def curve(rule: LearnedRule, losses: Tensor, label: int) -> Tensor:
    """The weights that the rule's network gives to these losses under this label, before normalisation."""
    labels = torch.full((len(losses),), label)
    evidence = Evidence(len(losses), losses, {"y": labels}, losses=losses, look_up=lambda batch: batch["y"])
    with torch.no_grad():
        weights: Tensor = rule.ready(evidence)(*rule.inputs(evidence))
    return weights


def curves(axes: Axes, rule: LearnedRule, labels: list[tuple[int, str, str]]) -> None:
    """Weights over losses, a curve for each (class, name, colour)."""
    losses = torch.linspace(0, 5, 200)
    for label, name, colour in labels:
        axes.plot(losses, curve(rule, losses, label), color=colour, label=name, linewidth=2)
    axes.set(xlabel="loss of the example", ylabel="weight before normalisation", ylim=(0, 1.02))
    if len(labels) > 1:
        axes.legend(frameon=False)


def weight_curves(root: str | None) -> Figure:
    """What Meta-Weight-Net and CMW-Net make of losses."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, method in ((left, "meta-weight-net"), (right, "class-aware")):
        job = Job("mnist-background-40", method, 0, STEPS, 0.003)
        data = recipe.images_of(job, root)
        _, _, rule = recipe.train(job, data)
        assert isinstance(rule, LearnedRule)
        sizes = data.train.y.bincount(minlength=10)
        background, other = int(sizes.argmax()), int(sizes.argmin())
        labels = [(other, "all classes", BLUE)]
        if isinstance(rule, ClassAwareWeightNet):
            labels = [(other, "the classes that lose labels", BLUE), (background, "the class that they go to", ORANGE)]
        curves(axes, rule, labels)
        axes.set_title({"meta-weight-net": "Meta-Weight-Net", "class-aware": "CMW-Net (class-aware)"}[method])
    return figure


def note(wrong: Tensor, means: tuple[list[float], list[float]], step: int, rows: Tensor, weights: Tensor) -> None:
    """Put down the mean weights of right and of wrong labels in this batch, plain training being 1."""
    for values, group in zip(means, (~wrong[rows], wrong[rows]), strict=True):
        values.append(float(weights[group].mean()) * len(rows))


def teacher_weights(root: str | None) -> Figure:
    """Mean weights of right and wrong labels over training, under two teachers."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, method in zip(both, ("teacher, surface", "teacher"), strict=True):
        job = Job("mnist-pair-40", method, 0, STEPS, 0.003)
        data = recipe.images_of(job, root)
        assert data.wrong is not None
        means: tuple[list[float], list[float]] = ([], [])
        recipe.train(job, data, functools.partial(note, data.wrong, means))
        for values, name, colour in zip(means, ("right labels", "wrong labels"), (BLUE, ORANGE), strict=True):
            smooth = torch.tensor(values).unfold(0, WINDOW, 1).mean(1)
            axes.plot(range(WINDOW - 1, len(values)), smooth, color=colour, label=name, linewidth=2)
        axes.axhline(1, color=GREY, linewidth=1, linestyle=":")
        axes.set(xlabel="step", title={"teacher": "and internal states"}.get(method, "surface only"))
    both[0].set_ylabel("mean weight, plain training = 1")
    both[0].legend(frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description="Pictures of what rules learn.")
    parser.add_argument("--data-root")
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    options = parser.parse_args()
    recipe.prepare(options.data_root)
    save(weight_curves(options.data_root), options.output / "weight_curves.png")
    save(teacher_weights(options.data_root), options.output / "teacher_weights.png")


if __name__ == "__main__":
    main()
