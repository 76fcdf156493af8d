"""The settings of a run: what may be set, what is usual, and what is refused."""

from reweigh.settings.settings import Resolved as Resolved
from reweigh.settings.settings import Settings as Settings

__all__ = ["Resolved", "Settings"]
