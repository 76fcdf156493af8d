"""The way in from Python: train on what is in memory or in files, and ask the run that comes out."""

from reweigh.api.fitting import fit as fit
from reweigh.api.loading import load as load
from reweigh.api.run import Run as Run

__all__ = ["Run", "fit", "load"]
