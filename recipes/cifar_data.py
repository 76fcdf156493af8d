"""CIFAR with wrong labels or rare classes, as images or as what a frozen network says of them.

Both parts are read in the publishers' binary layout, `ROOT/cifar-10-batches-bin` or `ROOT/cifar-100-binary`, and the labels
of CIFAR-10N from `ROOT/cifar-10n`. Of the 50,000 training images some are checked, as many of each class, and keep their
right labels; of the others labels are made wrong, or classes rare. The publishers' 10,000 test images are as they are.
"""

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from reweigh.data import Examples, Splits, clean_split, human_labels, load, long_tail, parse_noise
from reweigh.errors import BadInput
from reweigh.models import build
from reweigh.storage import write_bytes

AT_ONCE, A_PART = 500, 5_000
"""Images that the network is shown at once, and that a file of features holds: 13 MB."""
COMPONENTS = 256


class Parts(NamedTuple):
    """What a run learns from, with labels as given and true ones, and is tested on.

    `called` are checked examples as they would have been called, had nobody checked them.
    """

    given: Examples
    checked: Examples
    test: Examples
    called: Examples


Kind = Callable[[Examples, int, Path], Examples]
"""From right labels, a seed and the data root to the same with wrong labels, or to some of them."""


def _clean(right: Examples, seed: int, root: Path) -> Examples:
    return right


def _noise(told: str) -> Kind:
    def made(right: Examples, seed: int, root: Path) -> Examples:
        return right.with_labels(parse_noise(told).apply(right.y, len(right.classes), seed).labels)

    return made


def _tail(right: Examples, seed: int, root: Path) -> Examples:
    return right.select(long_tail(right.y, len(right.classes), 100.0, seed))


def _human(told: str) -> Kind:
    def made(right: Examples, seed: int, root: Path) -> Examples:
        return right.with_labels(human_labels(told, root)[right.ids])

    return made


KINDS: dict[str, Kind] = {
    "uniform-40": _noise("uniform:0.4"),
    "pair-40": _noise("pair:0.4"),
    "background-40": _noise("background:0.4"),
    "10n-random1": _human("random1"),
    "10n-aggregate": _human("aggregate"),
    "clean": _clean,
    "uniform-20": _noise("uniform:0.2"),
    "uniform-60": _noise("uniform:0.6"),
    "uniform-80": _noise("uniform:0.8"),
    "tail-100": _tail,
    "10n-worst": _human("worst"),
}
"""Uniform noise never keeps a label that it picks: 40 % of it are 40 % wrong labels, as Ren et al. describe it (what they
released keeps one in ten of CIFAR-10, and 36 % are wrong). Background noise picks 40 % of all, those of the background class
too."""


def parts_of(whole: Splits, kind: str, checked: int, seed: int, root: Path) -> Parts:
    """So many checked examples of all classes alike, the others with labels of this kind, and the test examples.

    Raises:
        BadInput: if there are not as many of each class, or CIFAR-10N's labels are not there.
    """
    train, classes = whole.train, len(whole.train.classes)
    split = clean_split(train.y, checked // classes, seed, classes=classes)
    made, checked = KINDS[kind], train.select(split.clean)
    called = checked if made is _tail else made(checked, seed, root)  # rare classes: the labels are right
    return Parts(made(train.select(split.train), seed, root), checked, whole.test, called)


def images(data: str, root: Path) -> Splits:
    """Both parts, (N, 3, 32, 32) uint8."""
    return Splits(*(_with_inputs(part, (255 * part.x).round().to(torch.uint8)) for part in load(data, root)))


def features(data: str, root: Path, cache: Path) -> Splits:
    """Both parts, (N, 256): principal components of what a frozen EfficientNet-Lite0 says of the images.

    What it says lies in `cache` once it was asked, 5,000 images a file: 12 minutes on one core; whoever is stopped goes on.
    The components are those of the training images, without their labels; they are centred, and of size one on average.
    """
    parts, found = load(data, root), list[Tensor]()
    body = _Body()
    for name, part in zip(Splits._fields, parts, strict=True):
        each = [said(body, part.x[rows], cache / f"{data}-{name}-{rows[0]:05}.npy") for rows in _rows(len(part))]
        found.append(torch.cat(each).float())
    return Splits(*(_with_inputs(part, x) for part, x in zip(parts, principal(*found), strict=True)))


def said(body: Callable[[Tensor], Tensor], x: Tensor, path: Path) -> Tensor:
    """What the body says of these images, (n, width) float16: read where it was asked before, else asked and written.

    Raises:
        BadInput: if the file is of other images.
    """
    if not path.exists():
        buffer = io.BytesIO()
        np.save(buffer, torch.cat([body(some).half() for some in x.split(AT_ONCE)]).numpy())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())
    found = torch.from_numpy(np.load(path, allow_pickle=False))
    if len(found) != len(x):
        raise BadInput(f"{path} has features of {len(found)} images, and {len(x)} are wanted: name another --cache")
    return found


def principal(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both in the principal components of the first, (N, 256), or all there are; in units of their mean size."""
    mean = train.mean(0)
    centred = train - mean
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    chosen = vectors.flip(1)[:, :COMPONENTS]
    size = (centred @ chosen).square().mean().sqrt()
    return centred @ chosen / size, (test - mean) @ chosen / size


class _Body:
    """The network, which is not built before it is asked."""

    def __init__(self) -> None:
        self._network: nn.Module | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if self._network is None:
            self._network = build("efficientnet-lite0", input_shape=(3, 32, 32), classes=10).get_submodule("body")
        found: Tensor = self._network(x)
        return found


def _rows(count: int) -> list[Tensor]:
    return list(torch.arange(count).split(A_PART))


def _with_inputs(part: Examples, x: Tensor) -> Examples:
    return Examples(x, part.y, part.ids, part.classes)
