"""Alignments a_i = ⟨∇ℓ_i(θ), v⟩, one module an engine."""

from reweigh.alignment.auto import AutoEngine
from reweigh.alignment.call import alignments, explain
from reweigh.alignment.double import Double
from reweigh.alignment.engine import Aligns, Engine, Weigh, Weighted
from reweigh.alignment.finite import Finite
from reweigh.alignment.forward import Forward
from reweigh.alignment.ghost import Ghost
from reweigh.alignment.selection import Selection
from reweigh.student import EngineTask, Student

__all__ = [
    "Aligns",
    "AutoEngine",
    "Double",
    "Engine",
    "EngineTask",
    "Finite",
    "Forward",
    "Ghost",
    "Selection",
    "Student",
    "Weigh",
    "Weighted",
    "alignments",
    "explain",
]
