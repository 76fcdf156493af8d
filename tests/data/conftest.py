"""What the tests of `data` share: a publisher on this machine that can misbehave, and what a good refusal is."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

from reweigh.errors import BadInput, ReweighError

Refusal = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def refused() -> Refusal:
    """`with refused("names", "this"):` the block must raise one good sentence that holds these fragments."""

    @contextmanager
    def expect(*fragments: str, error: type[ReweighError] = BadInput) -> Iterator[None]:
        with pytest.raises(error) as caught:
            yield
        text = str(caught.value)
        assert "\n" not in text
        assert ". " not in text, f"more than one sentence: {text}"
        assert re.search(r"[\w)'=%]$", text), f"ends oddly: {text}"
        assert 30 < len(text) < 500, text
        assert re.search(r"[:;] [a-z].{7,}$", text), f"does not say what to do: {text}"
        for fragment in fragments:
            assert fragment in text, text

    return expect


@pytest.fixture
def untouched_global_rng() -> Iterator[None]:
    """Fails the test if it moved the global generators of torch or numpy."""
    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    yield
    assert torch.equal(before, torch.random.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()  # type: ignore[index,union-attr]


class Publisher(ThreadingHTTPServer):
    """Serves `files` by path, with ranges; the other attributes are its ways to misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.encodings: set[str | None] = set()  # the Accept-Encoding headers of the requests
        self.log: list[tuple[str, str | None]] = []  # (path, Range header) of every request
        self.drop_at: list[int] = []  # the next responses break off after so many bytes of the body
        self.knows_ranges = True
        self.lies_about_range = False
        self.compresses = False
        self.gate = threading.Event()  # responses wait here half-way while it is not set
        self.gate.set()
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def ranges(self) -> list[str | None]:
        return [asked for _, asked in self.log]


class _Handler(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.log.append((self.path, asked))
        self.server.encodings.add(self.headers.get("Accept-Encoding"))
        body = self.server.files.get(self.path.lstrip("/"))
        if body is None:
            return self.send_error(404)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.knows_ranges else 0
        if start and start >= len(body):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            claimed = start + 1 if self.server.lies_about_range else start
            self.send_header("Content-Range", f"bytes {claimed}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        if self.server.compresses:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self._send(body[start:])
        return None

    def _send(self, body: bytes) -> None:
        if self.server.drop_at:
            body = body[: self.server.drop_at.pop(0)]
        half = len(body) // 2
        self.wfile.write(body[:half])
        self.wfile.flush()
        self.server.gate.wait(20)
        self.wfile.write(body[half:])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Publisher()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.gate.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def files_under() -> Callable[[Path], list[str]]:
    """The files below a folder that are not locks, as sorted relative paths."""

    def listing(root: Path) -> list[str]:
        return sorted(
            str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".lock"
        )

    return listing
