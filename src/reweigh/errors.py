"""What a user can get wrong, as exceptions of one sentence: what was wrong, where, and what to do.

The command line prints the sentence and exits with code 2; a program catches `ReweighError`.
"""

import importlib
from types import ModuleType


class ReweighError(Exception):
    """Anything that a user of reweigh can put right; its text is one sentence made to be read."""


class BadInput(ReweighError, ValueError):
    """An argument, a batch, a file or a setting that cannot be used as it is."""


class EngineRefused(ReweighError, RuntimeError):
    """An alignment engine cannot be exact for this model; the sentence names the layer and an engine that works."""


class NonFinite(ReweighError, ArithmeticError):
    """A loss, a gradient or a weight is NaN or infinite; the sentence carries the ids of the batch."""


class Overflow(NonFinite):
    """The losses are finite and a gradient of them is not; in half precision a smaller scale of the losses may help."""


class MissingExtra(ReweighError, ImportError):
    """An optional dependency is not installed; the sentence says what to install."""


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say which extra of reweigh brings it.

    Raises:
        MissingExtra: if the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        package = module.partition(".")[0]
        raise MissingExtra(
            f"{package} is not installed: run `pip install 'reweigh[{extra}]'` and try again"
        ) from missing
