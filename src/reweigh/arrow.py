"""Arrow by its parts, each imported when something of it is first asked for: whoever reads no files does without."""

from typing import Any

from reweigh.errors import require


class _Part:
    """A module of pyarrow."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        """What the module calls so.

        Raises:
            MissingExtra: if pyarrow is not installed.
        """
        return getattr(require(self._module, "cli"), name)


pa, compute, kinds, parquet = map(_Part, ("pyarrow", "pyarrow.compute", "pyarrow.types", "pyarrow.parquet"))
