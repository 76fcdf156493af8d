"""Where data sets live: the folder asked for, else `REWEIGH_DATA`, else the user's cache folder."""

import os
from pathlib import Path

from ..errors import BadInput, require
from ..storage import home

VARIABLE = "REWEIGH_DATA"


def data_root(root: str | Path | None = None) -> Path:
    """The data root as an absolute path; it need not exist yet.

    Raises:
        BadInput: if there is something at that path that is not a folder.
    """
    chosen = root or os.environ.get(VARIABLE) or require("platformdirs", "cli").user_cache_path("reweigh") / "data"
    path = home(chosen).absolute()
    if os.path.exists(path) and not os.path.isdir(path):  # unlike Path's, these two never raise
        raise BadInput(f"the data root {path} is not a folder: name a folder with --data-root or {VARIABLE}")
    return path
