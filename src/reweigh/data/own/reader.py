"""What the readers of tables, images, texts and arrays have in common."""

from typing import Any, Protocol

from .rows import Rows


class Reader(Protocol):
    """Reads files of one kind, all in the same way; made from the training data, or restored from an `Encoding`."""

    kind: str
    target_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    model_options: dict[str, Any]
    notes: list[str]

    def rows(self, path: str, part: str) -> Rows:
        """The examples at `path`; `part` is "train", "clean", "test", or "new" for those without a known target.

        Raises:
            BadInput: the file cannot be read, or lacks what the training data had.
        """
        ...

    def as_json(self) -> dict[str, Any]:
        """All that `restored` needs, as JSON values."""
        ...
