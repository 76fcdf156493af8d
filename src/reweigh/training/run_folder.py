"""A run's folder: files that appear whole or not at all, and one process at a time.

Every file is written as `storage.py` does it. Lines of metrics are kept in memory and the whole small file is
replaced each time, so that no line is ever cut. A lock held by the running process keeps a second one out, and
vanishes with the process even when that is killed.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from reweigh.errors import BadInput, require
from reweigh.ledger.parts import epochs_in, remove
from reweigh.storage import cannot_write, part_of
from reweigh.storage import make_folder as make_folder
from reweigh.storage import write_bytes as write_bytes

CONFIG, CHECKPOINT, METRICS = "config.json", "checkpoint.pt", "metrics.jsonl"
MODEL, WEIGHTS, SUMMARY, GALLERY = "model.safetensors", "weights.parquet", "summary.json", "distrusted.png"
TEACHER, ENCODING = "teacher.safetensors", "encoding.json"
FILES = (CONFIG, CHECKPOINT, METRICS, MODEL, TEACHER, ENCODING, WEIGHTS, GALLERY, SUMMARY)
LEDGER = "ledger"  # a folder
LOCK = ".lock"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """`content` as indented JSON, whole or not at all; numbers that are not finite become null."""
    write_bytes(path, (json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n").encode())


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """JSON Lines, one object a line, whole or not at all."""
    text = "".join(json.dumps(without_nan(line), allow_nan=False) + "\n" for line in lines)
    write_bytes(path, text.encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        BadInput: if there is no such file, or it holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise BadInput(f"{path} does not exist") from missing
    except (OSError, ValueError) as broken:
        raise BadInput(f"{path} cannot be read as JSON: {str(broken).rstrip('.')}") from broken
    if not isinstance(content, dict):
        raise BadInput(f"{path} must hold a JSON object, not {type(content).__name__}")
    return content


def read_lines(path: Path, first: int) -> list[dict[str, Any]]:
    """The first so many lines of a JSON Lines file.

    Raises:
        BadInput: if there are fewer, or one of them is no JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()[:first] if first else []
        content = [json.loads(line) for line in lines]
    except (OSError, ValueError) as broken:
        raise BadInput(f"{path} cannot be read: {broken}") from broken
    if len(content) < first:
        raise BadInput(
            f"{path} has {len(content)} lines but the checkpoint is at epoch {first}; "
            "put the file back, or start again with --overwrite"
        )
    return content


def without_nan(value: Any) -> Any:
    """JSON has no NaN: what has no value is null. Walks mappings and lists."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not float("-inf") < value < float("inf"):
        return None
    return value


def run_mark(settings: Mapping[str, Any]) -> str:
    """A mark by which a run's ledger is known as its own: a hash of the settings as `config.json` has them."""
    return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8).hexdigest()


class RunFolder:
    """The folder of one run: where its files are, what is there already, and the lock on it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def present(self) -> list[str]:
        """The names of the run's files that exist."""
        return [name for name in FILES if (self.path / name).exists()]

    def check_free(self, *, overwrite: bool) -> None:
        """Refuse to write over a run that is already here, before any work is done.

        Raises:
            BadInput: if there is one and `overwrite` is not set, or `path` is not a folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise BadInput(f"{self.path} is a file, not a folder: choose another place with --output")
        if self.present and not overwrite:
            raise BadInput(
                f"{self.path} already holds a run ({self.present[0]}): go on with --resume, "
                "replace it with --overwrite, or choose another place with --output"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep every other process out of it.

        Raises:
            BadInput: if another process holds it.
            ReweighError: if the folder cannot be made or written.
        """
        filelock = require("filelock", "cli")
        lock = filelock.FileLock(self.path / LOCK)
        try:
            make_folder(self.path)
            lock.acquire(timeout=0)
        except filelock.Timeout as held:
            raise BadInput(
                f"another process is writing {self.path}: wait for it, or choose another place with --output"
            ) from held
        except OSError as refused:
            raise cannot_write(self.path, refused) from refused
        try:
            yield
        finally:
            lock.release()

    def clear(self) -> None:
        """Remove the run's own files, the config last: until that is gone this is still a run."""
        ledger = self.path / LEDGER
        remove(ledger, epochs_in(ledger))
        with suppress(OSError):  # not there, or with files in it that are not ours
            ledger.rmdir()
        for name in reversed(FILES):
            (self.path / name).unlink(missing_ok=True)
            part_of(self.path / name).unlink(missing_ok=True)
