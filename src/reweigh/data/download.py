"""Files from their publishers, whole or not at all.

A download goes to `NAME.part` beside its destination and is renamed once its checksum is right, so a file
under its own name is a whole file. What is already in the `.part` file is kept when the connection breaks,
the disk fills up or the process is killed, and the next try asks the server for the rest. A lock beside the
destination lets one process download while others wait and then find the file in place.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from ..errors import require
from .files import DownloadFailed, storing

if TYPE_CHECKING:
    from requests import Response

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""`progress(file name, bytes done, bytes in total or None where the server does not say)`."""

_TRIES = 5
_TIMEOUT = 30.0  # seconds without a single byte
_CHUNK = 1 << 18


class _ConnectionBroke(Exception):
    """The server or the network stopped in the middle of a file."""


def fetch(url: str, destination: Path, md5: str, *, progress: Progress | None = None, wait: float = 900.0) -> Path:
    """Download `url` to `destination`, unless it is there; returns `destination`.

    `md5` is the publisher's checksum in hexadecimal; `wait` is how many seconds another process may take that
    downloads the same file.

    Raises:
        DownloadFailed: no network, the server refuses, a wrong checksum, a full disk, a read-only folder.
    """
    require("requests", "cli")
    with storing(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
    with _locked(destination, wait):
        if not destination.exists():
            _fetch_locked(url, destination, md5, progress)
    return destination


def _fetch_locked(url: str, destination: Path, md5: str, progress: Progress | None) -> None:
    part = destination.with_name(destination.name + ".part")
    resumed = _size(part) > 0
    _transfer(url, part, progress)
    if resumed and not _matches(part, md5):  # what was left behind belonged to something else: once from the start
        part.unlink()
        _transfer(url, part, progress)
    if not _matches(part, md5):
        part.unlink()
        raise DownloadFailed(
            f"{url} does not have the publisher's checksum and was thrown away: try again later, "
            f"or put the right file at {destination}"
        )
    with storing(destination):
        os.replace(part, destination)


def _transfer(url: str, part: Path, progress: Progress | None) -> None:
    """Bring `part` to its full length, going on after a broken connection as long as that gets anywhere."""
    for _ in range(_TRIES):
        before = _size(part)
        try:
            return _append(url, part, progress)
        except _ConnectionBroke:
            if _size(part) <= before:
                break
    raise DownloadFailed(
        f"the connection to {_host(url)} broke after {_size(part)} bytes of {_name(url)}: "
        "run it again, and it goes on from there"
    )


def _append(url: str, part: Path, progress: Progress | None) -> None:
    offset = _size(part)
    with _request(url, offset) as response:
        # Nothing comes after `offset`: the part is whole, or it is wrong, as its checksum will tell.
        if response.status_code == 416:
            return
        resuming = response.status_code == 206
        if resuming and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
            part.unlink()
            raise _ConnectionBroke
        done = offset if resuming else 0
        length = response.headers.get("Content-Length", "")
        total = done + int(length) if length.isdigit() else None
        with storing(part), part.open("ab" if resuming else "wb") as file:
            for chunk in _chunks(response):
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(_name(url), done, total)
            file.flush()
            os.fsync(file.fileno())
        if total is not None and done < total:  # urllib3 before 2.0 lets a short body pass
            raise _ConnectionBroke


def _request(url: str, offset: int) -> "Response":
    import requests

    # Compression by the server would hand over an unpacked .gz whose checksum is another.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.RequestException as failed:
        raise DownloadFailed(
            f"{_host(url)} could not be reached for {_name(url)}: check the network, "
            "or put the file under the data root yourself"
        ) from failed
    if response.status_code not in ((200, 206, 416) if offset else (200,)):
        response.close()
        raise DownloadFailed(
            f"{_host(url)} answered {response.status_code} instead of sending {url}: try again later, "
            "or put the file under the data root yourself"
        )
    return response


def _chunks(response: "Response") -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    try:
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except HTTPError as broke:
        raise _ConnectionBroke from broke


@contextmanager
def _locked(destination: Path, wait: float) -> Iterator[None]:
    filelock = require("filelock", "cli")
    lock = filelock.FileLock(destination.with_name(f".{destination.name}.lock"), timeout=wait)
    with storing(destination):
        try:
            lock.acquire()
        except filelock.Timeout as busy:
            raise DownloadFailed(
                f"another process has been downloading {destination} for more than {wait:g} seconds: "
                "wait for it or end it, then run this again"
            ) from busy
    try:
        yield
    finally:
        lock.release()


def _matches(path: Path, md5: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == md5


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _name(url: str) -> str:
    return url.rpartition("/")[2]
