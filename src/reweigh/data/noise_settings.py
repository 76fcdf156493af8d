"""Noise as it is written on a command line and kept in a run's settings: `background:0.4`, `none`.

none                   labels stay as they are
KIND:RATE              a kind of `noise.KINDS` at a rate from 0 to 1, such as uniform:0.4
background:RATE:CLASS  the background class given, instead of drawn from the seed
matrix:FILE.npy        a (C, C) row-stochastic transition matrix saved by `numpy.save`
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import BadInput
from ..tasks.checks import check_labels
from .checks import check_share
from .files import check_plain, mapped
from .noise import KINDS, Corruption, background, check_matrix, transition


@dataclass(frozen=True)
class Noise:
    """Which corruption, ready to be applied; `str()` gives back the text that `parse_noise` reads.

    Attributes:
        kind: "none", "matrix" or a name in `noise.KINDS`.
        rate: the share of the labels, from 0 to 1, where the kind takes one.
        to: the background class, or None to draw it from the seed.
        file: where the matrix was read from.
        matrix: the transition matrix itself, so that the file may change without changing the settings.
    """

    kind: str = "none"
    rate: float = 0.0
    to: int | None = None
    file: str | None = None
    matrix: tuple[tuple[float, ...], ...] | None = None

    def apply(self, labels: Tensor, classes: int, seed: int) -> Corruption:
        """Corrupt labels (N,) of C `classes`; pure in all three arguments.

        Raises:
            BadInput: a label, the background class or the matrix does not fit the number of classes.
        """
        if self.kind == "none":
            check_labels(labels, classes)
            unchanged = torch.zeros_like(labels, dtype=torch.bool)
            return Corruption(labels.clone(), unchanged, unchanged.clone())
        if self.matrix is not None:
            self._check_size(len(self.matrix), classes)
            return transition(labels, self.matrix, seed)
        if self.to is not None:
            return background(labels, classes, self.rate, seed, to=self.to)
        return KINDS[self.kind](labels, classes, self.rate, seed)

    def _check_size(self, rows: int, classes: int) -> None:
        if rows != classes:
            raise BadInput(
                f"the transition matrix is {rows} by {rows} but the data set has {classes} classes: "
                "give one row and one column a class"
            )

    def __str__(self) -> str:
        """The settings as `parse_noise` reads them."""
        if self.kind == "matrix":
            return f"matrix:{self.file}"
        parts = [self.kind] if self.kind == "none" else [self.kind, repr(self.rate)]
        return ":".join(parts if self.to is None else [*parts, str(self.to)])


def parse_noise(text: str) -> Noise:
    """Read `none`, `KIND:RATE`, `background:RATE:CLASS` or `matrix:FILE.npy`.

    Raises:
        BadInput: the text is none of these (the sentence lists the kinds), or the matrix cannot be used.
    """
    kind, _, rest = text.strip().partition(":")
    if kind == "none" and not rest:
        return Noise()
    if kind == "matrix" and rest:
        chances = check_matrix(_read_matrix(Path(rest)))
        return Noise("matrix", file=rest, matrix=tuple(tuple(map(float, row)) for row in chances))
    rate, *more = rest.split(":")
    if kind not in KINDS or len(more) > (kind == "background"):
        raise _unknown(text)
    try:
        noise = Noise(kind, float(rate), to=int(more[0]) if more else None)
    except ValueError as wrong:
        raise _unknown(text) from wrong
    check_share(noise.rate, f"the rate in the noise {text!r}")
    if noise.to is not None and noise.to < 0:
        raise _unknown(text)
    return noise


def _unknown(text: str) -> BadInput:
    kinds = ", ".join(f"{kind}:RATE" for kind in KINDS)
    return BadInput(f"the noise {text!r} is not known: write none, {kinds}, background:RATE:CLASS or matrix:FILE.npy")


def _read_matrix(path: Path) -> npt.NDArray[np.generic]:
    check_plain(path)
    try:
        return mapped(path)
    except FileNotFoundError as missing:
        raise BadInput(f"there is no transition matrix at {path}: check the path in matrix:{path}") from missing
    except (OSError, ValueError) as wrong:
        raise BadInput(
            f"{path} is not an array of numbers in numpy's .npy format: save the matrix with numpy.save"
        ) from wrong
