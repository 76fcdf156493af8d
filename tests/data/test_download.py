import errno
import fcntl
import hashlib
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reweigh.data import DownloadFailed, download
from reweigh.data.download import fetch
from reweigh.data.files import storing

BODY = bytes(range(256)) * 4_000  # about a megabyte: several chunks
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def target(tmp_path: Path, publisher) -> Path:
    publisher.files["set.gz"] = BODY
    return tmp_path / "deep" / "folder" / "set.gz"


def part_of(target: Path) -> Path:
    return target.with_name("set.gz.part")


def leave_part(target: Path, content: bytes) -> Path:
    target.parent.mkdir(parents=True)
    part_of(target).write_bytes(content)
    return part_of(target)


def test_a_file_arrives_whole_and_nothing_else_stays(target, publisher, tmp_path, files_under):
    assert fetch(publisher.url + "set.gz", target, SHA256) == target
    assert target.read_bytes() == BODY
    assert files_under(tmp_path) == ["deep/folder/set.gz"]


def test_a_file_that_is_there_is_not_asked_for(target, publisher):
    target.parent.mkdir(parents=True)
    target.write_bytes(b"mine")
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == b"mine"
    assert publisher.log == []


def test_progress_counts_the_bytes_up_to_the_total(target, publisher):
    calls: list[tuple[str, int, int | None]] = []
    fetch(publisher.url + "set.gz", target, SHA256, progress=lambda *call: calls.append(call))
    done = [count for _, count, _ in calls]
    assert {(name, total) for name, _, total in calls} == {("set.gz", len(BODY))}
    assert done == sorted(done)
    assert done[-1] == len(BODY)
    assert len(done) > 1


def test_a_part_that_was_left_is_gone_on_with(target, publisher):
    leave_part(target, BODY[:300_000])
    calls: list[tuple[str, int, int | None]] = []
    fetch(publisher.url + "set.gz", target, SHA256, progress=lambda *call: calls.append(call))
    assert publisher.ranges() == ["bytes=300000-"]
    assert target.read_bytes() == BODY
    assert calls[-1][1:] == (len(BODY), len(BODY))
    assert calls[0][1] > 300_000


def test_a_connection_that_breaks_is_taken_up_where_it_broke(target, publisher):
    publisher.drop_at = [400_000, 100_000]
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY
    assert publisher.ranges() == [None, "bytes=400000-", "bytes=500000-"]


def test_a_server_without_ranges_starts_again_from_the_beginning(target, publisher):
    publisher.knows_ranges = False
    leave_part(target, b"\xff" * 300_000)
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY
    assert publisher.ranges() == ["bytes=300000-"]


def test_a_whole_part_needs_only_its_name(target, publisher):
    leave_part(target, BODY)
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY
    assert len(publisher.log) == 1


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * (len(BODY) + 5)])
def test_a_part_of_something_else_is_replaced(left, target, publisher, tmp_path, files_under):
    leave_part(target, left)
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY
    assert publisher.ranges() == [f"bytes={len(left)}-", None]
    assert files_under(tmp_path) == ["deep/folder/set.gz"]


def test_a_gz_file_is_stored_packed_even_if_the_server_calls_it_an_encoding(target, publisher):
    publisher.compresses = True
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY
    assert publisher.encodings == {"identity"}


def test_two_at_once_download_once(target, publisher):
    publisher.gate.clear()
    threads = [threading.Thread(target=fetch, args=(publisher.url + "set.gz", target, SHA256)) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)  # both are under way: one is being served, the other waits for the lock
    publisher.gate.set()
    for thread in threads:
        thread.join(20)
    assert target.read_bytes() == BODY
    assert len(publisher.log) == 1


def test_a_killed_process_leaves_a_part_that_the_next_one_goes_on_with(target, publisher, tmp_path, files_under):
    publisher.gate.clear()
    program = (
        "import sys; from pathlib import Path; from reweigh.data.download import fetch; "
        "fetch(sys.argv[1], Path(sys.argv[2]), sha256='')"
    )
    child = subprocess.Popen([sys.executable, "-c", program, publisher.url + "set.gz", str(target)])
    try:
        deadline = time.monotonic() + 60
        while not (part_of(target).exists() and part_of(target).stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    publisher.gate.set()
    assert files_under(tmp_path) == ["deep/folder/set.gz.part"]
    left = part_of(target).stat().st_size
    assert 0 < left < len(BODY)
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY
    assert publisher.ranges() == [None, f"bytes={left}-"]


def test_a_wrong_checksum_is_refused_and_thrown_away(target, publisher, tmp_path, files_under, refused):
    publisher.files["set.gz"] = b"<html>moved</html>"
    with refused("set.gz", "checksum", str(target), error=DownloadFailed):
        fetch(publisher.url + "set.gz", target, SHA256)
    assert files_under(tmp_path) == []


def test_a_missing_file_on_the_server_is_told(target, publisher, tmp_path, files_under, refused):
    with refused("404", "other.gz", "127.0.0.1", error=DownloadFailed):
        fetch(publisher.url + "other.gz", target.with_name("other.gz"), SHA256)
    assert files_under(tmp_path) == []


def test_a_connection_that_never_gets_further_is_told_and_its_part_kept(target, publisher, refused):
    publisher.drop_at = [300_000, 0]
    with refused("broke after 300000 bytes", "set.gz", "goes on from there", error=DownloadFailed):
        fetch(publisher.url + "set.gz", target, SHA256)
    assert part_of(target).read_bytes() == BODY[:300_000]
    assert not target.exists()


def test_a_server_that_keeps_breaking_off_is_given_up_on(target, publisher, refused):
    publisher.drop_at = [1000] * 50
    with refused("broke after 5000 bytes", error=DownloadFailed):
        fetch(publisher.url + "set.gz", target, SHA256)
    assert len(publisher.log) == 5


def test_a_server_that_sends_another_range_than_asked_is_not_trusted(target, publisher, refused):
    publisher.lies_about_range = True
    leave_part(target, BODY[:1000])
    with refused("broke", error=DownloadFailed):
        fetch(publisher.url + "set.gz", target, SHA256)
    fetch(publisher.url + "set.gz", target, SHA256)
    assert target.read_bytes() == BODY


def test_no_network_is_told(tmp_path, refused, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with refused("127.0.0.1:9", "could not be reached", "set.gz", "check the network", error=DownloadFailed):
        fetch("http://127.0.0.1:9/set.gz", tmp_path / "set.gz", SHA256)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_is_told(target, publisher, refused):
    target.parent.mkdir(parents=True)
    part_of(target).symlink_to("/dev/full")
    with refused("disk is full", "set.gz", "make room", error=DownloadFailed):
        fetch(publisher.url + "set.gz", target, SHA256)
    assert not target.exists()


def test_a_used_up_quota_is_told(refused):
    with refused("quota", "make room", error=DownloadFailed), storing(Path("set.gz")):
        raise OSError(errno.EDQUOT, "Disk quota exceeded")


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that this process may read and not write, even where the tests run as root."""
    for module in ("requests", "filelock"):  # while this process may still read wherever they are installed
        importlib.import_module(module)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o555)
        was = os.geteuid()
        if was == 0:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(was)
            os.chmod(folder, 0o755)


@pytest.mark.parametrize("place", ["set.gz", "new/set.gz"])
def test_a_read_only_root_is_told(place, read_only, publisher, refused):
    publisher.files["set.gz"] = BODY
    with refused(str(read_only), "cannot be written", "choose a data root", error=DownloadFailed):
        fetch(publisher.url + "set.gz", read_only / place, SHA256)
    assert publisher.log == []


def test_a_download_that_another_process_will_not_end_is_told(target, publisher, refused):
    target.parent.mkdir(parents=True)
    with target.with_name(".set.gz.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with refused("another process", "0.1 seconds", str(target), error=DownloadFailed):
            fetch(publisher.url + "set.gz", target, SHA256, wait=0.1)
    assert publisher.log == []


def test_a_server_that_falls_silent_is_not_waited_for_without_end(target, publisher, monkeypatch, refused):
    monkeypatch.setattr(download, "_TIMEOUT", 0.2)
    publisher.drop_at = [0]
    publisher.gate.clear()
    with refused("broke after 0 bytes", error=DownloadFailed):
        fetch(publisher.url + "set.gz", target, SHA256)
