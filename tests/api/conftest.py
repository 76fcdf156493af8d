"""Small data as people have them in a notebook."""

import numpy as np
import pandas as pd
import pytest

import reweigh
from notebook_data import CHECKED, ROWS


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """Categories, gaps, dates, a column of several types, an index of names, whole numbers as labels."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": draw.normal(size=ROWS),
            "kind": pd.Categorical(draw.choice(["u", "v", "w"], ROWS)),
            "day": pd.date_range("2020-01-01", periods=ROWS),
            "gap": np.where(draw.random(ROWS) < 0.2, np.nan, draw.normal(size=ROWS)),
            "odd": [1 if row % 3 else "x" for row in range(ROWS)],
        },
        index=pd.Index([f"n{row}" for row in range(ROWS)]),
    )
    frame["y"] = (frame["size"] + (frame["kind"] == "u") > 0.3).astype(int)
    return frame


@pytest.fixture(scope="session")
def run(frame: pd.DataFrame) -> reweigh.Run:
    return reweigh.fit(frame, clean=CHECKED, target="y", steps=20, rule="l2rw", quick=True, verbose=False)
