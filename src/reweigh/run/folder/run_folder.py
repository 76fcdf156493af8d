"""A run's folder: files that appear whole or not at all, and one process at a time.

Every file is written as `storage.py` does it, and its digest is kept (`digests.py`). Lines of metrics are kept in memory
and the whole small file is replaced each time, so that no line is ever cut. A lock held by the running process keeps a
second one out, and vanishes with the process even when that is killed.
"""

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from reweigh.digests import NAME as DIGESTS
from reweigh.digests import Digests
from reweigh.errors import BadInput, require
from reweigh.ledger.parts import epochs_in, remove
from reweigh.storage import cannot_write, home, part_of, read_plain
from reweigh.storage import make_folder as make_folder
from reweigh.storage import write_bytes as write_bytes
from reweigh.strict_json import check_kind, parse_object

CONFIG, CHECKPOINT, METRICS = "config.json", "checkpoint.pt", "metrics.jsonl"
MODEL, WEIGHTS, SUMMARY, GALLERY = "model.safetensors", "weights.parquet", "summary.json", "distrusted.png"
TEACHER, ENCODING, VERDICT, HALVES = "teacher.safetensors", "encoding.json", "verdict.json", "halves.safetensors"
FILES = (CONFIG, DIGESTS, CHECKPOINT, METRICS, MODEL, TEACHER, ENCODING, WEIGHTS, GALLERY, HALVES, VERDICT, SUMMARY)
RESULTS = (MODEL, TEACHER, ENCODING, WEIGHTS, GALLERY, SUMMARY)
"""What the checkpoint and the lines of metrics are enough to write, the summary last."""
LEDGER, DATA = "ledger", "data"  # folders; the latter has files written for data that came from memory
REPORT, REVIEW = "report.html", "review.html"  # written by the commands of these names, where nothing else is said
LOCK = ".lock"
_FROM_MEMORY = re.compile(r"[a-z]+-[0-9a-f]{16}\.(parquet|npz)")
LARGEST_JSON = 1 << 26  # bytes


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """`content` as indented JSON, whole or not at all; numbers that are not finite become null."""
    write_bytes(path, json_bytes(content))


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """`content` as indented JSON; numbers that are not finite become null."""
    return (json.dumps(without_nan(content), indent=2, allow_nan=False) + "\n").encode()


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """JSON Lines, one object a line, whole or not at all."""
    write_bytes(path, line_bytes(lines))


def line_bytes(lines: Sequence[Mapping[str, Any]]) -> bytes:
    """JSON Lines, one object a line."""
    return "".join(json.dumps(without_nan(line), allow_nan=False) + "\n" for line in lines).encode()


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        BadInput: if there is no such file, or it holds no JSON object.
    """
    return parse_object(read_plain(path, LARGEST_JSON), path)


def read_lines(path: Path, first: int, digests: Digests | None = None) -> list[dict[str, Any]]:
    """The first so many lines of metrics; the file may go on, with epochs that were not saved any more.

    Raises:
        BadInput: if there are fewer, one of them is no line of metrics, or (with `digests`) they are not what the run wrote.
    """
    if not first:
        return []
    lines = (read_plain(path, LARGEST_JSON) if digests is None else digests.read(path, LARGEST_JSON)).split(b"\n")[:-1]
    content = [parse_object(line, f"line {k + 1} of {path}") for k, line in enumerate(lines[:first])]
    if len(content) < first:
        raise BadInput(
            f"{path} has {len(content)} lines but the checkpoint is at epoch {first}; "
            "put the file back, or start again with --overwrite"
        )
    if digests is not None:
        for k, line in enumerate(content):
            check_kind(line, _LINE, f"line {k + 1} of {path}")
        digests.check(path, b"".join(line + b"\n" for line in lines[:first]))
    return content


_LINE = {"epoch": int, "step": int, "seconds": float}


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
        self.path = home(path)

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def present(self) -> list[str]:
        """The names of the run's files that exist."""
        return [name for name in FILES if os.path.lexists(self.path / name)]

    def check_free(self, *, overwrite: bool) -> None:
        """Refuse to write over a run that is already here, or over files that are none, before any work is done.

        Raises:
            BadInput: if there is a run and `overwrite` is not set, `path` is not a folder, or holds files of the names that
                a run's have and is no run.
        """
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise BadInput(f"{self.path} is a file, not a folder: choose another place with --output")
        if not self.present:
            return
        if not self._is_run():
            raise BadInput(
                f"{self.path} holds {self.present[0]} but no run of reweigh, and that file would be lost: choose another "
                "place with --output"
            )
        if not overwrite:
            raise BadInput(
                f"{self.path} already holds a run ({self.present[0]}): go on with --resume, "
                "replace it with --overwrite, or choose another place with --output"
            )

    def _is_run(self) -> bool:
        """Whether what is here was made by a run: other programs have files called config.json as well."""
        if os.path.lexists(self.path / DIGESTS) or os.path.lexists(self.path / LOCK):
            return True
        try:
            stored = read_json(self.path / CONFIG)
        except BadInput:
            return False
        return isinstance(stored.get("settings"), dict) and isinstance(stored.get("versions"), dict)

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
            self._check_links()
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

    def _check_links(self) -> None:
        """Nothing is written, emptied or removed elsewhere, by way of a link that somebody put here."""
        for name in (LOCK, LEDGER):
            if (self.path / name).is_symlink():
                raise BadInput(f"{self.path / name} is a link: nothing is written through it, remove it")

    def clear(self, keep: Collection[Path] = ()) -> None:
        """Remove the run's own files and its report, the config last: until that is gone this is still a run.

        Data that came from memory stay where a path to `keep` says so.

        Raises:
            ReweighError: if the system refuses.
        """
        ledger = self.path / LEDGER
        remove(ledger, epochs_in(ledger))
        with suppress(OSError):  # not there, or with files in it that are not ours
            ledger.rmdir()
        try:
            for path in (self.path / DATA).glob("*-*.*"):
                if _FROM_MEMORY.fullmatch(path.name) and path.resolve() not in keep:
                    path.unlink()
            for name in (REPORT, REVIEW, *reversed(FILES)):
                (self.path / name).unlink(missing_ok=True)
                part_of(self.path / name).unlink(missing_ok=True)
        except OSError as refused:
            raise cannot_write(self.path, refused) from refused
