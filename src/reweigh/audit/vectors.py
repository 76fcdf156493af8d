"""Inputs as vectors in which those that are nearly the same lie near each other, whatever their labels.

They are made of the inputs alone. States of a trained model lie where its classes lie: a copy with a little noise is
further away in them than another image of the class (docs/decisions/0021-copies.md).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from reweigh.data import Examples
from reweigh.data.own import Encoding
from reweigh.errors import require
from reweigh.run.gallery import are_images

Floats = npt.NDArray[np.float32]
SIDE, SEARCHED, A_CODE = 16, 32, 4
_AT_ONCE, _LEAST_SPREAD, _SEED = 1000, 1e-6, 0
_FLAT = 0.05  # a contrast below which an image shows nothing


class Vectors(NamedTuple):
    """Of N inputs.

    Attributes:
        exact: (N, D), dense or sparse: distances between rows are meant.
        search: (N, d) with d small: where d is below D, distances are about the same, so that neighbours are found in it.
    """

    exact: Any
    search: Floats

    def apart(self, rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> Floats:
        """Distances between rows (n,) and each of its others (n, k): (n, k)."""
        found = np.empty(others.shape, dtype=np.float32)
        for start in range(0, len(rows), _AT_ONCE):
            block, beside = self.exact[rows[start : start + _AT_ONCE]], others[start : start + _AT_ONCE]
            for k in range(others.shape[1]):
                gap = block - self.exact[beside[:, k]]
                square = gap.multiply(gap).sum(1) if hasattr(gap, "multiply") else np.square(gap).sum(1)
                found[start : start + _AT_ONCE, k] = np.sqrt(np.asarray(square).ravel())
        return found


def vectors_of(parts: Sequence[Examples], encoding: Encoding | None) -> Vectors:
    """Of all examples of these parts, one part after the other.

    Images become grey, of one brightness and contrast, and at most 16 pixels a side, so that noise matters little; texts
    become TF-IDF of their tokens, one by one and in pairs, of length one; of other inputs each number is brought to the same
    spread, and different categories are about as far from each other.
    """
    if encoding is not None and encoding.kind == "text":
        exact = _texts(parts, int(encoding.model_options.get("padding", 0)))
    elif are_images(parts[0]):
        exact = np.concatenate([_blocks(part, _small) for part in parts])
    else:
        codes = () if encoding is None else tuple(encoding.model_options.get("categories", ()))
        exact = _numbers(np.concatenate([_blocks(part, _flat) for part in parts]), codes)
    if exact.shape[1] <= SEARCHED:
        return Vectors(exact, np.asarray(exact.toarray() if hasattr(exact, "toarray") else exact, dtype=np.float32))
    projection = require("sklearn.random_projection", "cli").GaussianRandomProjection(SEARCHED, random_state=_SEED)
    return Vectors(exact, np.asarray(projection.fit_transform(exact), dtype=np.float32))


def _blocks(part: Examples, made: Callable[[Tensor], Tensor]) -> Floats:
    rows = torch.arange(len(part)).split(_AT_ONCE)
    return np.concatenate([made(part.batch(block)["x"]).numpy() for block in rows]).astype(np.float32, copy=False)


def _flat(x: Tensor) -> Tensor:
    return x.flatten(1).float()


def _small(images: Tensor) -> Tensor:
    """(B, at most 256) of images (B, channels, H, W) within [0, 1]: without their brightness, and of one contrast."""
    size = (min(SIDE, images.shape[2]), min(SIDE, images.shape[3]))
    grey = F.adaptive_avg_pool2d(images.float().mean(1, keepdim=True), size).flatten(1)
    shape = grey - grey.mean(1, keepdim=True)
    contrast: Tensor = shape.norm(dim=1, keepdim=True)
    return shape / contrast.clamp_min(_FLAT * float(grey.shape[1]) ** 0.5)


def _numbers(x: Floats, sizes: tuple[int, ...]) -> Floats:
    """(N, columns): numbers of one spread, and for each of the last columns, codes of categories, a few that are theirs."""
    numbers, codes = np.split(x, [x.shape[1] - len(sizes)], axis=1)
    draw = np.random.default_rng(_SEED)
    spread = np.maximum(numbers.std(0), _LEAST_SPREAD)
    found = [(numbers - numbers.mean(0)) / spread]
    for column, size in zip(codes.T.astype(np.int64), sizes, strict=True):
        places = draw.normal(size=(max(size, int(column.max(initial=0)) + 1), A_CODE))
        found.append((places / np.linalg.norm(places, axis=1, keepdims=True))[column])
    return np.concatenate(found, axis=1).astype(np.float32)


def _texts(parts: Sequence[Examples], padding: int) -> Any:
    """(N, terms) sparse."""
    text = require("sklearn.feature_extraction.text", "cli")
    blocks = (part.batch(rows)["x"] for part in parts for rows in torch.arange(len(part)).split(_AT_ONCE))
    tokens = (one for block in blocks for one in token_lists(block, padding))
    return text.TfidfVectorizer(analyzer=pieces, sublinear_tf=True, dtype=np.float32).fit_transform(tokens)


def token_lists(x: Tensor, padding: int) -> list[list[int]]:
    """The tokens of texts (B, T), without what fills them up."""
    return [row[row != padding].tolist() for row in x.cpu()]


def pieces(tokens: list[int]) -> list[str]:
    """A text's pieces, one by one and in pairs."""
    return [*map(str, tokens), *(f"{one} {two}" for one, two in pairwise(tokens))]
