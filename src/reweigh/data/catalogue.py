"""The data sets that reweigh can load by name, and where their publishers keep them.

Files lie under the data root as publishers and torchvision lay them out, so a root that is already in use
elsewhere is used as it is.
"""

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from ..errors import BadInput
from .cifar_binary import CIFAR10_LAYOUT, CIFAR100_LAYOUT, load_cifar
from .class_names import DIGITS, FASHION
from .digits import load_digits
from .download import Progress
from .examples import Splits
from .idx import load_idx
from .roots import data_root
from .sources import Source

Reader: TypeAlias = Callable[[Source], Splits]

_MNIST_MD5 = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_FASHION_MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/"

# name: (where its files are published, how they are read)
_CATALOGUE: dict[str, tuple[str, Reader]] = {
    "digits": ("", lambda source: load_digits()),
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        lambda source: load_idx(source, "MNIST/raw", _MNIST_MD5, DIGITS),
    ),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        lambda source: load_idx(source, "FashionMNIST/raw", _FASHION_MD5, FASHION),
    ),
    "cifar10": (_CIFAR_URL, lambda source: load_cifar(source, CIFAR10_LAYOUT)),
    "cifar100": (_CIFAR_URL, lambda source: load_cifar(source, CIFAR100_LAYOUT)),
}

NAMES: tuple[str, ...] = tuple(_CATALOGUE)
"""The names that `load` knows."""


def load(
    name: str,
    root: str | Path | None = None,
    download: bool = True,
    *,
    base_url: str | None = None,
    progress: Progress | None = None,
) -> Splits:
    """Load a data set by name: its training and its test part.

    `root` is the data root (else `REWEIGH_DATA`, else the user's cache); `base_url` replaces the publisher's
    folder by a mirror, whose files must have the publisher's checksums; `progress` is told of bytes as they
    arrive.

    Raises:
        BadInput: the name is unknown, or a file is missing (without `download`), truncated, corrupt or wrong.
        DownloadFailed: a missing file could not be fetched.
    """
    if name not in _CATALOGUE:
        raise BadInput(_unknown(name))
    publisher, read = _CATALOGUE[name]
    if not publisher:
        return read(Source(Path(), "", download=False))
    return read(Source(data_root(root), (base_url or publisher).rstrip("/") + "/", download, progress))


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), NAMES, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}" if near else "choose another"
    return f"there is no data set named {name!r}: {meant} (known are {', '.join(NAMES)})"
