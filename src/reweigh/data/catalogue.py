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

_MNIST_SHA256 = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
_FASHION_SHA256 = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
_CIFAR_URL = "https://www.cs.toronto.edu/~kriz/"

# name: (where its files are published, how they are read)
_CATALOGUE: dict[str, tuple[str, Reader]] = {
    "digits": ("", lambda source: load_digits()),
    "mnist": (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        lambda source: load_idx(source, "MNIST/raw", _MNIST_SHA256, DIGITS),
    ),
    "fashion-mnist": (
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        lambda source: load_idx(source, "FashionMNIST/raw", _FASHION_SHA256, FASHION),
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
