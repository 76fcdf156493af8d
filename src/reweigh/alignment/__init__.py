"""Alignments a_i = ⟨∇ℓ_i(θ), v⟩, one module an engine."""

from reweigh.alignment.auto import AutoEngine as AutoEngine
from reweigh.alignment.call import alignments as alignments
from reweigh.alignment.call import explain as explain
from reweigh.alignment.double import Double as Double
from reweigh.alignment.engine import Aligns as Aligns
from reweigh.alignment.engine import Engine as Engine
from reweigh.alignment.engine import Weigh as Weigh
from reweigh.alignment.engine import Weighted as Weighted
from reweigh.alignment.finite import Finite as Finite
from reweigh.alignment.forward import Forward as Forward
from reweigh.alignment.ghost import Ghost as Ghost
from reweigh.alignment.selection import Selection as Selection
from reweigh.student import EngineTask as EngineTask
from reweigh.student import Student as Student

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
