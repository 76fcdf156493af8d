"""Pictures: the most distrusted images with their labels, and the accuracy of several methods side by side."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from reweigh.data import Examples
from reweigh.errors import require

_WRONG, _RIGHT = "#b3261e", "#1b7f3b"


@dataclass(frozen=True)
class Bar:
    """One method's result over seeds: mean and standard deviation of the accuracy, both within [0, 1]."""

    name: str
    mean: float
    std: float
    highlighted: bool = False


def distrusted_png(examples: Examples, rows: Tensor) -> bytes:
    """The images at `rows` with the label each was given; where it is known to be wrong, the true one too."""
    across, down = 5, -(-len(rows) // 5)
    figure = _figure(1.5 * across, 1.9 * down)
    _draw_images(figure.subplots(down, across, squeeze=False).ravel(), examples, rows)
    return _png(figure)


def demo_png(bars: Sequence[Bar], examples: Examples, rows: Tensor, share: float, title: str) -> bytes:
    """The README's picture: accuracy bars on the left, the most distrusted images on the right.

    `share` is the share of the images shown whose label is really wrong.
    """
    figure = _figure(11, 3.9)
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))
    _draw_bars(left.subplots(), bars)
    left.suptitle(title, fontsize=11)
    grid = right.subplots(2, -(-len(rows) // 2), squeeze=False)
    right.suptitle(f"most distrusted by L2RW: {share:.0%} of them really mislabelled", fontsize=11)
    _draw_images(grid.ravel(), examples, rows)
    left.subplots_adjust(left=0.32, right=0.93, top=0.86, bottom=0.16)
    right.subplots_adjust(left=0.03, right=0.97, top=0.76, bottom=0.04, hspace=0.55)
    return _png(figure, tight=False)


def _draw_bars(axes: Any, bars: Sequence[Bar]) -> None:
    places = np.arange(len(bars))[::-1]
    colours = ["#2458a6" if bar.highlighted else "#a9b4c2" for bar in bars]
    means = [100 * bar.mean for bar in bars]
    axes.barh(places, means, xerr=[100 * bar.std for bar in bars], color=colours, ecolor="#444444", capsize=3)
    for place, bar in zip(places, bars, strict=True):
        axes.text(2, place, f"{100 * bar.mean:.1f}", va="center", color="white" if bar.highlighted else "black")
    axes.set_yticks(places, [bar.name for bar in bars])
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy at the last epoch (%)")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_images(axes: Sequence[Any], examples: Examples, rows: Tensor) -> None:
    for place in axes:
        place.axis("off")
    for place, row in zip(axes, rows.tolist(), strict=False):
        given, true = (_label(examples, labels, row) for labels in (examples.y, examples.true_y))
        place.imshow(_pixels(examples[row]["x"]), cmap="gray_r", vmin=0, vmax=1)
        known_wrong = given != true
        text = f"given {given}\ntruly {true}" if known_wrong else f"given {given}"
        place.set_title(text, fontsize=9, color=_WRONG if known_wrong else _RIGHT)


def are_images(examples: Examples) -> bool:
    """Whether inputs are (channels, H, W) with one channel or three."""
    return examples.x.ndim == 4 and examples.x.shape[1] in (1, 3)


def _label(examples: Examples, labels: Tensor, row: int) -> str:
    """A label in few letters, as plain text: matplotlib would read mathematics between dollar signs."""
    text = examples.task.caption(labels[row])
    return (text if len(text) <= 24 else text[:23] + "…").replace("$", r"\$")


def _pixels(image: Tensor) -> npt.NDArray[np.float32]:
    """(channels, H, W) as matplotlib wants it: (H, W) where grey, (H, W, 3) where coloured."""
    pixels: npt.NDArray[np.float32] = image.permute(1, 2, 0).clamp(0, 1).numpy()
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _figure(width: float, height: float) -> Any:
    # Not pyplot, whose choice of a backend would be the whole process's.
    return require("matplotlib.figure", "cli").Figure(figsize=(width, height))


def _png(figure: Any, tight: bool = True) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight" if tight else None, facecolor="white")
    return buffer.getvalue()
