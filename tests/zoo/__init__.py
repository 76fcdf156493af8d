"""The zoo: small awkward models that every engine must either get exactly right or refuse by name.

Each case is a real way in which people write models that has broken some method of differentiating them.
`CASES` holds them all, in the order of the modules below; a case builds in milliseconds.
"""

from zoo import criteria, dense, images, kernels, lengths, modern, norms, sequences, surgery, text, views, wrapped
from zoo.case import CASES as CASES
from zoo.case import Case as Case
from zoo.case import Scene as Scene
from zoo.case import named as named

__all__ = [
    "CASES",
    "Case",
    "Scene",
    "criteria",
    "dense",
    "images",
    "kernels",
    "lengths",
    "modern",
    "named",
    "norms",
    "sequences",
    "surgery",
    "text",
    "views",
    "wrapped",
]
