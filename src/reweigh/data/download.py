"""Files from their publishers, whole or not at all.

A download goes to `NAME.part` beside its destination and is renamed once its checksum is right, so a file
under its own name is a whole file. What is already in the `.part` file is kept when the connection breaks,
the disk fills up or the process is killed, and the next try asks the server for the rest. A lock beside the
destination lets one process download while others wait and then find the file in place.

Only https is spoken, through every redirect (to this very machine http will do: nobody else is on the way); and no server
sends more than a data set may be large.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urljoin, urlsplit

from ..errors import require
from .files import DownloadFailed, storing

if TYPE_CHECKING:
    from requests import Response

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""`progress(file name, bytes done, bytes in total or None where the server does not say)`."""

_TRIES = 5
_TIMEOUT = 30.0  # seconds without a single byte
_CHUNK = 1 << 18
_HOPS = 5
_LARGEST = 1 << 29  # bytes; three times the largest data set that is known by name
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class _ConnectionBroke(Exception):
    """The server or the network stopped in the middle of a file."""


def fetch(url: str, destination: Path, sha256: str, *, progress: Progress | None = None, wait: float = 900.0) -> Path:
    """Download `url` to `destination`, unless it is there; returns `destination`.

    `sha256` is that of the publisher's file in hexadecimal; `wait` is how many seconds another process may take that
    downloads the same file.

    Raises:
        DownloadFailed: no network, the server refuses, a wrong checksum, a full disk, a read-only folder.
    """
    require("requests", "cli")
    with storing(destination):
        destination.parent.mkdir(parents=True, exist_ok=True)
    with _locked(destination, wait):
        if not destination.exists():
            _fetch_locked(url, destination, sha256, progress)
    return destination


def _fetch_locked(url: str, destination: Path, sha256: str, progress: Progress | None) -> None:
    part = destination.with_name(destination.name + ".part")
    resumed = _size(part) > 0
    _transfer(url, part, progress)
    if resumed and not _matches(part, sha256):  # what was left behind belonged to something else: once from the start
        part.unlink()
        _transfer(url, part, progress)
    if not _matches(part, sha256):
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
        total = done + int(length[:18]) if length.isascii() and length.isdigit() else None
        if (total or 0) > _LARGEST:
            raise _too_large(url)
        with storing(part), part.open("ab" if resuming else "wb") as file:
            for chunk in _chunks(response):
                done += len(chunk)
                if done > _LARGEST:
                    raise _too_large(url)
                file.write(chunk)
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
    _check_scheme(url, url)
    asked = url
    try:
        for _ in range(_HOPS):
            response = requests.get(asked, headers=headers, stream=True, timeout=_TIMEOUT, allow_redirects=False)
            if not response.is_redirect:
                break
            response.close()
            before, asked = asked, urljoin(asked, response.headers["Location"])
            _check_scheme(asked, before)
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


def _check_scheme(url: str, before: str) -> None:
    """Nobody on the way can read or change what comes: https, or this very machine asked for by one who is on it."""
    to, asked = urlsplit(url), urlsplit(before)
    if to.scheme == "https" or (to.scheme == "http" and {to.hostname, asked.hostname} <= _HERE):
        return
    sent = "" if url == before else f"{_host(before)} sends on to "
    raise DownloadFailed(
        f"{sent}{to.scheme or 'no'}://{_host(url)} is not asked for {_name(before)}: only https is, name another mirror or "
        "put the file under the data root yourself"
    )


def _too_large(url: str) -> DownloadFailed:
    return DownloadFailed(
        f"{_host(url)} sends more than {_LARGEST:,} bytes as {_name(url)}, which cannot be that file: name another mirror, "
        "or put the file under the data root yourself"
    )


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


def _matches(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _name(url: str) -> str:
    return url.rpartition("/")[2]
