"""Training: the one loop, who looks on while it runs and where it runs; a run in its folder, and what it leaves."""

from reweigh.run.callbacks import Callback as Callback
from reweigh.run.callbacks import Step as Step
from reweigh.run.fit import Trainer as Trainer
from reweigh.run.fit import batches_of as batches_of
from reweigh.run.fit import fit as fit
from reweigh.run.world import World as World

__all__ = ["Callback", "Step", "Trainer", "World", "batches_of", "fit"]
