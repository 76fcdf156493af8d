"""The engines by the names that users give them."""

from reweigh.alignment.double import Double
from reweigh.alignment.engine import Engine
from reweigh.alignment.finite import COARSE_STEP, Finite
from reweigh.alignment.forward import Forward
from reweigh.alignment.ghost import Ghost

CANDIDATES: dict[str, tuple[Engine, ...]] = {
    "ghost": (Ghost(),),
    "forward": (Forward(),),
    "finite": (Finite(), Finite(COARSE_STEP)),
    "double": (Double(),),
}
"""By the name a user gives, cheapest first; the finite engine has a coarser step for half precision."""
EVERY = [engine for group in CANDIDATES.values() for engine in group]
SAFEST = ("double", "forward", "finite", "ghost")
"""While a batch proves nothing: the order of how little an engine takes for granted."""
