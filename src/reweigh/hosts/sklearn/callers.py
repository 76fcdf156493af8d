"""Who calls `fit`: what scikit-learn hands on, and whether it has changed it, can be read off the stack and nowhere else."""

import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from reweigh.errors import BadInput

_HANDS_ON_ALL_ROWS = ("sklearn.pipeline", "sklearn.base", "sklearn.utils", "sklearn.compose._target", "sklearn._")


def splitter() -> str:
    """The module of scikit-learn, if any, that is calling `fit` and may have taken some of the rows only."""
    return next((name for name, _ in _callers() if not name.startswith(_HANDS_ON_ALL_ROWS)), "")


def see_that_clean_rows_are_transformed() -> None:
    """In a pipeline X went through other steps; see that X_clean did too.

    Raises:
        BadInput: if it did not.
    """
    for name, frame in _callers():
        pipeline: Any = frame.f_locals.get("self")
        if name != "sklearn.pipeline" or frame.f_code.co_name not in ("fit", "fit_predict"):
            continue
        others = [step for _, step in pipeline.steps[:-1] if step not in (None, "passthrough")]
        if others and "X_clean" not in (getattr(pipeline, "transform_input", None) or ()):
            raise BadInput(
                f"X_clean= has not gone through the pipeline's {type(others[0]).__name__}, as X has: make the pipeline with "
                "transform_input=['X_clean'] and metadata routing, or name checked rows of X by a mask, clean="
            )


def _callers() -> Iterator[tuple[str, FrameType]]:
    """The frames of scikit-learn on the stack, the nearest first, with the names of their modules."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith("sklearn."):
            yield name, frame
        frame = frame.f_back
