"""CIFAR-10N: labels that people gave to CIFAR-10's 50,000 training images (Wei et al., ICLR 2022, arXiv 2110.12088).

Each image was labelled by three workers. The publisher's file `CIFAR-10_human.pt` holds a dictionary of arrays in the
order of the training images; the same arrays are also passed around one by one, as `human_aggregate.npy` and so on. Both are
read without running anything that a file may hold.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import BadInput
from ..tasks.checks import check_labels
from .files import check_plain, mapped
from .roots import data_root

FOLDER, PUBLISHED, IMAGES = "cifar-10n", "CIFAR-10_human.pt", 50_000
# kind: its name in the publisher's file
_KINDS = {
    "aggregate": "aggre_label",
    "random1": "random_label1",
    "random2": "random_label2",
    "random3": "random_label3",
    "worst": "worse_label",
}
KINDS = tuple(_KINDS)
"""Majority of the three workers, the first, second and third worker, and the worst of them where they differ."""


def human_labels(kind: str, root: str | Path | None = None) -> Tensor:
    """The labels of one kind, (50000,) int64, in the order of CIFAR-10's training images.

    They are looked for in the folder `cifar-10n` of the data root, as `CIFAR-10_human.pt` or as `human_KIND.npy`.

    Raises:
        BadInput: the kind is unknown, or there is no such file, or it holds something else.
    """
    if kind not in _KINDS:
        raise BadInput(f"there are no human labels {kind!r}: choose one of {', '.join(KINDS)}")
    folder = data_root(root) / FOLDER
    published, single = folder / PUBLISHED, folder / f"human_{kind}.npy"
    path = published if published.exists() else single
    check_plain(path)
    if not path.exists():
        raise BadInput(f"{folder} holds neither {PUBLISHED} nor {single.name}: put one of them there")
    labels = _published(path, _KINDS[kind]) if path == published else _array(path)
    if labels.shape != (IMAGES,) or labels.dtype.kind not in "iu":
        raise BadInput(f"{path} holds an array of shape {labels.shape} and type {labels.dtype}, not {IMAGES} labels")
    found = torch.from_numpy(labels.astype(np.int64))
    check_labels(found, 10)
    return found


def _array(path: Path) -> np.ndarray[Any, Any]:
    try:
        return mapped(path)
    except (OSError, ValueError) as wrong:
        raise BadInput(f"{path} is not an array of labels in numpy's .npy format: replace it") from wrong


def _published(path: Path, name: str) -> np.ndarray[Any, Any]:
    reconstruct: Any = np.zeros(0).__reduce__()[0]
    # What an array of numbers is made of, under the names that numpy 1 and numpy 2 write into files.
    allowed: list[Any] = [(reconstruct, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")]
    kinds = [type(np.dtype(kind)) for kind in (np.int8, np.uint8, np.int16, np.int32, np.int64)]
    try:
        with torch.serialization.safe_globals([*allowed, np.ndarray, np.dtype, *kinds]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as wrong:  # the restricted reader raises whatever bytes lead it to
        raise BadInput(f"{path} cannot be read as the publisher's file of labels: replace it") from wrong
    labels = content.get(name) if isinstance(content, Mapping) else None
    if labels is None:
        raise BadInput(f"{path} holds no {name!r}: it is not the publisher's file, replace it")
    return np.asarray(labels)
