"""reweigh: learn which training examples to trust."""

import importlib
from typing import TYPE_CHECKING, Any

from reweigh._version import __version__ as __version__
from reweigh.alignment import alignments as alignments
from reweigh.direction import clean_direction as clean_direction
from reweigh.learning import Learning as Learning
from reweigh.ledger import Ledger as Ledger
from reweigh.reweigher import Reweigher as Reweigher
from reweigh.rightness import verify as verify
from reweigh.rules import L2RW as L2RW
from reweigh.rules import ClassAwareWeightNet as ClassAwareWeightNet
from reweigh.rules import DeepInteraction as DeepInteraction
from reweigh.rules import MetaWeightNet as MetaWeightNet

__all__ = [
    "L2RW",
    "ClassAwareWeightNet",
    "DeepInteraction",
    "Learning",
    "Ledger",
    "MetaWeightNet",
    "ReweighClassifier",
    "ReweighRegressor",
    "Reweigher",
    "Run",
    "__version__",
    "alignments",
    "clean_direction",
    "fit",
    "load",
    "verify",
    "write_report",
]

if TYPE_CHECKING:
    from reweigh.api import Run as Run
    from reweigh.api import fit as fit
    from reweigh.api import load as load
    from reweigh.hosts.sklearn import ReweighClassifier as ReweighClassifier
    from reweigh.hosts.sklearn import ReweighRegressor as ReweighRegressor
    from reweigh.report import write_report as write_report


_ELSEWHERE = {
    "Run": "reweigh.api",
    "fit": "reweigh.api",
    "load": "reweigh.api",
    "write_report": "reweigh.report",
    "ReweighClassifier": "reweigh.hosts.sklearn",
    "ReweighRegressor": "reweigh.hosts.sklearn",
}


def __getattr__(name: str) -> Any:
    """What brings in more than torch and numpy, and is imported when it is asked for."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_ELSEWHERE[name]), name)
