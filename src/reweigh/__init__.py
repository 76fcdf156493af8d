"""reweigh: learn which training examples to trust."""

import importlib

from reweigh._version import __version__ as __version__

TYPE_CHECKING = False  # typing takes its time, in which the command line could not yet answer to ctrl-C
if TYPE_CHECKING:
    from typing import Any

    from reweigh.alignment import alignments as alignments
    from reweigh.api import Run as Run
    from reweigh.api import fit as fit
    from reweigh.api import load as load
    from reweigh.direction import clean_direction as clean_direction
    from reweigh.hosts.sklearn import ReweighClassifier as ReweighClassifier
    from reweigh.hosts.sklearn import ReweighRegressor as ReweighRegressor
    from reweigh.learning import Learning as Learning
    from reweigh.ledger import Ledger as Ledger
    from reweigh.report import write_report as write_report
    from reweigh.reweigher import Reweigher as Reweigher
    from reweigh.rightness import verify as verify
    from reweigh.rules import L2RW as L2RW
    from reweigh.rules import ClassAwareWeightNet as ClassAwareWeightNet
    from reweigh.rules import DeepInteraction as DeepInteraction
    from reweigh.rules import MetaWeightNet as MetaWeightNet
    from reweigh.scoring import score as score
    from reweigh.scoring import select as select

_HOMES = {
    "L2RW": "rules",
    "ClassAwareWeightNet": "rules",
    "DeepInteraction": "rules",
    "Learning": "learning",
    "Ledger": "ledger",
    "MetaWeightNet": "rules",
    "ReweighClassifier": "hosts.sklearn",
    "ReweighRegressor": "hosts.sklearn",
    "Reweigher": "reweigher",
    "Run": "api",
    "alignments": "alignment",
    "clean_direction": "direction",
    "fit": "api",
    "load": "api",
    "score": "scoring",
    "select": "scoring",
    "verify": "rightness",
    "write_report": "report",
}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> "Any":
    """What is imported when it is asked for, so that `reweigh --version` need not wait for torch."""
    if name in _HOMES:
        globals()[name] = found = getattr(importlib.import_module(f"reweigh.{_HOMES[name]}"), name)
        return found
    from importlib.util import find_spec

    if not name.startswith("__") and find_spec(f"reweigh.{name}") is not None:
        return importlib.import_module(f"reweigh.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
