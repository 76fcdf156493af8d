"""What an optimizer's step does, without taking it, and how derivatives go back through it."""

from reweigh.optimizers.reversible import ReversibleSGD
from reweigh.optimizers.step import Adjoint, Snapshot, look_ahead, precondition, step_ahead, step_back, trains

__all__ = ["Adjoint", "ReversibleSGD", "Snapshot", "look_ahead", "precondition", "step_ahead", "step_back", "trains"]
