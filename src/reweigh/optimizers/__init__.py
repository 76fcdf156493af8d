"""What an optimizer's step does, without taking it, and how derivatives go back through it."""

from reweigh.optimizers.reversible import ReversibleSGD as ReversibleSGD
from reweigh.optimizers.step import Adjoint as Adjoint
from reweigh.optimizers.step import Snapshot as Snapshot
from reweigh.optimizers.step import look_ahead as look_ahead
from reweigh.optimizers.step import precondition as precondition
from reweigh.optimizers.step import step_ahead as step_ahead
from reweigh.optimizers.step import step_back as step_back
from reweigh.optimizers.step import trains as trains

__all__ = ["Adjoint", "ReversibleSGD", "Snapshot", "look_ahead", "precondition", "step_ahead", "step_back", "trains"]
